"""What the scenes and clouds of digits promise."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_sample_images
from torch.testing import assert_close

from lossbook.scenes import digit_clouds, digit_scenes


def test_the_same_seed_gives_the_same_set_and_another_seed_another():
    for make in (digit_scenes, digit_clouds):
        assert_close(make(10, seed=3), make(10, seed=3), rtol=0, atol=0)
        assert not torch.equal(make(10, seed=3)[0], make(10, seed=4)[0])
        assert_close(make(10), make(10, seed=0), rtol=0, atol=0)


def test_scenes_are_images_masks_and_boxes():
    images, masks, boxes = digit_scenes(30, size=40)
    assert images.shape == masks.shape == (30, 1, 40, 40)
    assert boxes.shape == (30, 4)
    assert images.dtype == masks.dtype == boxes.dtype == torch.float32
    assert 0 <= images.min() < 0.1 < 0.9 < images.max() <= 1
    assert set(masks.unique().tolist()) == {0.0, 1.0}


def test_an_object_takes_about_36_pixels_in_a_thousand():
    masks = digit_scenes(1000).masks
    assert 0.034 < masks.mean() < 0.038
    assert masks.sum((1, 2, 3)).min() > 0


def test_a_box_is_the_smallest_around_its_mask():
    _, masks, boxes = digit_scenes(50)
    for mask, (x1, y1, x2, y2) in zip(masks[:, 0], boxes.int().tolist(), strict=True):
        inside = mask[y1:y2, x1:x2]
        assert inside.sum() == mask.sum() > 0
        assert bool(inside[0].any() & inside[-1].any() & inside[:, 0].any() & inside[:, -1].any())


def test_digits_differ_in_height_width_and_place():
    _, _, boxes = digit_scenes(500)
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    assert width.min() < 5 < 9 < width.max() <= 14
    assert height.min() <= 8 < 13 < height.max() <= 14
    assert boxes[:, :2].min() == 0
    assert boxes[:, 2:].max() == 32


def test_the_ink_lightens_the_photograph_and_nothing_else_changes_it():
    faint, strong = digit_scenes(20, contrast=0.25), digit_scenes(20, contrast=1.0)
    assert_close(faint.masks, strong.masks, rtol=0, atol=0)
    assert_close(faint.boxes, strong.boxes, rtol=0, atol=0)
    change = strong.images - faint.images
    assert change.min() >= -1e-6
    assert change[faint.masks == 1].mean() > 5 * change[faint.masks == 0].mean()
    ink = change / 0.75 / (1 - faint.images + change / 3)  # image = photo + contrast · ink · (1 - photo)
    clear = (strong.images < 0.99) & ((ink - 0.5).abs() > 1e-4)
    assert clear.double().mean() > 0.95
    assert_close((ink > 0.5).float()[clear], faint.masks[clear])


def pieces_like(piece, photo):
    """Return whether the photograph contains the piece."""
    views = np.lib.stride_tricks.sliding_window_view(photo, piece.shape)
    for row, column in np.argwhere(abs(views[:, :, 0, 0] - piece[0, 0]) < 1e-6):
        if abs(views[row, column] - piece).max() < 1e-6:
            return True
    return False


def test_scenes_of_both_parts_are_pieces_of_their_half_of_the_photographs():
    photos = [photo.mean(axis=2) / 255 for photo in load_sample_images().images]
    for part, half in (("train", slice(None, 320)), ("test", slice(320, None))):
        for image in digit_scenes(6, size=24, part=part, contrast=1e-9).images[:, 0].numpy():
            assert any(pieces_like(way, photo[:, half]) for photo in photos for way in (image, image[:, ::-1]))


def test_the_parts_share_no_digit():
    first = {tuple(image) for image in load_digits().data[:1200]}
    for part, share in (("train", 1.0), ("test", 0.0)):
        masks = digit_clouds(5, points=20_000, part=part)[0]
        # So many points that the most inked pixels are those of one image of this part.
        for cloud in masks:
            column, row = (cloud * 8).floor().long().T
            counts = torch.zeros(8, 8).index_put((7 - row, column), torch.tensor(1.0), accumulate=True).flatten()
            ink = counts / counts.max() * 16
            best = min(load_digits().data, key=lambda image: np.abs(image / image.max() * 16 - ink.numpy()).sum())
            assert (tuple(best) in first) == bool(share)


def test_clouds_lie_on_the_ink_with_y_upwards():
    clouds, labels = digit_clouds(300, points=60)
    assert clouds.shape == (300, 60, 2)
    assert clouds.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert bool(((clouds >= 0) & (clouds <= 1)).all())
    sevens = clouds[labels == 7]
    assert sevens[..., 1].mean() > 0.5 < clouds[labels == 4][..., 0].std() * 10  # the bar of a seven is at the top
    assert set(labels.tolist()) == set(range(10))


def test_the_points_of_a_cloud_follow_the_ink():
    clouds, labels = digit_clouds(1, points=50_000)
    column, row = (clouds[0] * 8).floor().long().T
    share = torch.zeros(8, 8).index_put((7 - row, column), torch.tensor(1 / 50_000), accumulate=True)
    images, digits = load_digits(return_X_y=True)
    images = torch.tensor(images[digits == int(labels[0])][:], dtype=torch.float32).view(-1, 8, 8)
    inks = images / images.sum((1, 2), keepdim=True)
    assert (inks - share).abs().amax((1, 2)).min() < 0.005


@pytest.mark.parametrize(("options", "message"), [
    ({"size": 23}, "size must be between 24 and 300, got 23"), ({"size": 301}, "size must be between 24 and 300"),
    ({"contrast": 0}, r"contrast must be in \(0, 1\], got 0"), ({"contrast": 1.5}, r"contrast must be in \(0, 1\]"),
    ({"part": "val"}, r'part must be "train" or "test", got \'val\''),
], ids=str)
def test_options_of_scenes_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        digit_scenes(2, **options)


@pytest.mark.parametrize(("n", "options", "message"), [
    (1201, {}, "between 0 and 1200, and at least 1, got 1201 and 100"), (-1, {}, "got -1 and 100"),
    (598, {"part": "test"}, "between 0 and 597"), (5, {"points": 0}, "got 5 and 0"),
    (5, {"part": "all"}, r'part must be "train" or "test", got \'all\''),
], ids=str)
def test_options_of_clouds_are_checked(n, options, message):
    with pytest.raises(ValueError, match=message):
        digit_clouds(n, **options)


def test_the_ends_of_the_ranges_are_allowed():
    assert digit_scenes(1, size=24).images.shape == (1, 1, 24, 24)
    assert digit_scenes(1, size=300, part="test").images.shape == (1, 1, 300, 300)
    assert digit_scenes(0).boxes.shape == (0, 4)
    assert digit_clouds(597, points=1, part="test")[0].shape == (597, 1, 2)
    assert digit_clouds(0)[0].shape == (0, 100, 2)
