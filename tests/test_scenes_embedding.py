"""The data sets of the chapters on embeddings and on ranking: what they promise."""

import functools

import pytest
import torch
from sklearn.datasets import load_digits
from torch.testing import assert_close

from lossbook.scenes import digit_lists, placed_digits


@pytest.mark.parametrize("make", [placed_digits, digit_lists])
def test_a_seed_gives_the_same_set_and_another_seed_another(make):
    first, again, other = make(20, seed=3), make(20, seed=3), make(20, seed=4)
    assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first[0], other[0])


@pytest.mark.parametrize("make", [functools.partial(placed_digits, size=8), digit_lists])
def test_digits_for_testing_are_others_than_those_for_training(make):
    images = [make(400, noise=0, part=part)[0].view(-1, 64).tolist() for part in ("train", "test")]
    inks = [{str(image) for image in some} for some in images]
    assert min(map(len, inks)) > 250
    assert not inks[0] & inks[1]
    with pytest.raises(ValueError, match="part must be \"train\" or \"test\", got 'val'"):
        make(2, part="val")


def test_placed_digits_have_the_shape_they_promise():
    images, labels = placed_digits(30, digits=[7, 2], size=11)
    assert (images.shape, images.dtype, labels.dtype) == ((30, 1, 11, 11), torch.float32, torch.int64)
    assert labels.unique().tolist() == [2, 7]


def test_placed_digits_are_somewhere_all_places_equally_likely():
    images, _ = placed_digits(3000, size=10, noise=0)
    assert (images.min(), images.max()) == (0, 1)
    rows = images.any(dim=(1, 3)).int()  # the ink of most digits fills all 8 rows
    whole = rows.sum(1) == 8
    first = rows[whole].argmax(1)
    assert_close(first.bincount(minlength=3) / whole.sum(), torch.full((3,), 1 / 3), rtol=0, atol=0.04)
    assert whole.float().mean() > 0.8


def test_noise_is_added_to_the_same_digits():
    plain, labels = placed_digits(200, noise=0, seed=5)
    noisy, same = placed_digits(200, noise=0.5, seed=5)
    assert torch.equal(labels, same)
    assert (noisy - plain).std().item() == pytest.approx(0.5, rel=0.02)
    assert (noisy - plain).mean().item() == pytest.approx(0, abs=0.02)


def test_every_digit_is_equally_likely():
    _, labels = placed_digits(5000)
    assert_close(labels.bincount() / 5000, torch.full((10,), 0.1), rtol=0, atol=0.02)


def test_the_label_is_the_digit_that_is_shown():
    images, labels = placed_digits(500, size=8, noise=0, part="test")
    ink, true = load_digits(return_X_y=True)
    known = {tuple(image): label for image, label in zip(ink / 16, true, strict=True)}
    assert [known[tuple(image)] for image in images.view(500, 64).tolist()] == labels.tolist()


def test_the_grade_is_half_the_digit_that_is_shown():
    images, grades = digit_lists(50, noise=0)
    ink, true = load_digits(return_X_y=True)
    known = {tuple(image): label // 2 for image, label in zip(ink / 16, true, strict=True)}
    assert [known[tuple(image)] for image in images.view(500, 64).tolist()] == grades.flatten().tolist()


def test_digit_lists_have_the_shape_they_promise():
    images, grades = digit_lists(30, length=7)
    assert (images.shape, images.dtype) == ((30, 7, 64), torch.float32)
    assert (grades.shape, grades.dtype) == ((30, 7), torch.int64)
    assert grades.unique().tolist() == [0, 1, 2, 3, 4]


def test_a_share_of_the_grades_is_drawn_at_random_and_the_rest_is_kept():
    images, truth = digit_lists(1000, seed=2)
    same, told = digit_lists(1000, seed=2, mistakes=0.5)
    assert torch.equal(images, same)
    assert (told != truth).float().mean().item() == pytest.approx(0.5 * 4 / 5, abs=0.02)
    _, nothing = digit_lists(1000, seed=2, mistakes=1.0)
    assert_close(nothing.flatten().bincount() / 10_000, torch.full((5,), 0.2), rtol=0, atol=0.02)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: placed_digits(2, digits=[]), TypeError, r"digits must be a sequence of one or more digits, got \[\]"),
    (lambda: placed_digits(2, digits=3), TypeError, "digits must be a sequence of one or more digits, got 3"),
    (lambda: placed_digits(2, digits="38"), TypeError, "digits must be a sequence of one or more digits, got '38'"),
    (lambda: placed_digits(2, digits=[3, 10]), ValueError, r"each of digits must be in \[0, 9\], got 10"),
    (lambda: placed_digits(2, digits=[0.5]), TypeError, "each of digits must be an integer, got float"),
    (lambda: placed_digits(2, size=7), ValueError, r"size must be in \[8, inf\), got 7"),
    (lambda: placed_digits(2, noise=-1), ValueError, r"noise must be in \[0, inf\), got -1"),
    (lambda: placed_digits(2, noise="much"), TypeError, "noise must be a number, got str"),
    (lambda: digit_lists(2, noise=-1), ValueError, r"noise must be in \[0, inf\), got -1"),
    (lambda: digit_lists(2, mistakes=1.5), ValueError, r"mistakes must be in \[0, 1\], got 1\.5"),
    (lambda: digit_lists(2, mistakes=None), TypeError, "mistakes must be a number, got NoneType"),
    (lambda: digit_lists(2, length=0), ValueError, r"length must be in \[1, inf\), got 0"),
    (lambda: digit_lists(-1), ValueError, r"n must be in \[0, inf\), got -1"),
    (lambda: placed_digits(2.0), TypeError, "n must be an integer, got float"),
])
def test_arguments_are_checked(call, error, message):
    with pytest.raises(error, match=message):
        call()
