"""The data sets and the training loop."""

import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from lossbook import data
from lossbook.training import seeded, train


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_dense_detections_have_the_shape_and_counts_they_promise():
    x, y = data.dense_detections(3, boxes=500, objects=7, features=5)
    assert (x.shape, x.dtype, y.dtype) == ((3, 500, 5), torch.float32, torch.float32)
    assert_close(y.sum(dim=1), torch.full((3,), 7.0))


def test_dense_detections_follow_their_seed():
    assert same(data.dense_detections(1, boxes=50, seed=3), data.dense_detections(1, boxes=50, seed=3))
    assert not same(data.dense_detections(1, boxes=50, seed=3), data.dense_detections(1, boxes=50, seed=4))


def test_dense_detections_lie_where_the_docstring_says():
    x, y = data.dense_detections(1, boxes=40_000, objects=10_000, lookalikes=0.0, separation=6.0, features=4)
    gap = x[y == 1].mean(0) - x[y == 0].mean(0)
    assert gap.norm().item() == pytest.approx(6, abs=0.1)
    assert_close(x[y == 0].std(0), torch.ones(4), atol=0.03, rtol=0)
    x, y = data.dense_detections(1, boxes=40_000, objects=1, lookalikes=1.0, separation=6.0, features=4)
    assert x[y == 0].mean(0).norm().item() == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("objects", [0, 11])
def test_dense_detections_reject_impossible_counts(objects):
    with pytest.raises(ValueError, match=f"objects must be between 1 and boxes 10, got {objects}"):
        data.dense_detections(1, boxes=10, objects=objects)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_dense_detections_reject_a_share_outside_0_1(share):
    with pytest.raises(ValueError, match=rf"lookalikes must be in \[0, 1\], got {share}"):
        data.dense_detections(1, boxes=10, lookalikes=share)


def test_digits_split_is_stratified_and_disjoint():
    split = data.digits_split()
    assert [len(part) for part in split] == [1078, 1078, 359, 359, 360, 360]
    for images, digits in zip(split[::2], split[1::2], strict=True):
        assert (images.dtype, digits.dtype) == (torch.float32, torch.int64)
        assert (images.min().item(), images.max().item()) == (0, 1)
        share = digits.bincount(minlength=10) / len(digits)
        assert_close(share, torch.full((10,), 0.1), atol=0.01, rtol=0)
    rows = torch.cat(split[::2])
    assert len(rows.unique(dim=0)) == 1797


def test_digits_split_makes_only_the_training_part_long_tailed():
    plain, tailed = data.digits_split(seed=1), data.digits_split(ratio=10, seed=1)
    counts = tailed.y_train.bincount().tolist()
    assert counts == sorted(counts, reverse=True)
    assert counts[0] / counts[9] == pytest.approx(10, rel=0.05)
    assert same(plain[2:], tailed[2:])
    kept = (tailed.x_train[:, None] == plain.x_train).all(-1).any(1)
    assert bool(kept.all())


def test_digits_split_follows_its_seed():
    assert same(data.digits_split(ratio=5, seed=1), data.digits_split(ratio=5, seed=1))
    assert not same(data.digits_split(seed=1), data.digits_split(seed=2)[:2] + data.digits_split(seed=1)[2:])


def test_long_tail_is_geometric():
    assert data.long_tail(1000, 4, ratio=1000) == [1000, 100, 10, 1]
    assert data.long_tail(50, 3, ratio=1) == [50, 50, 50]
    assert data.long_tail(5, 3, ratio=100)[-1] == 1


@pytest.mark.parametrize("bad", [(0, 3, 2), (5, 1, 2), (5, 3, 0.5)], ids=str)
def test_long_tail_rejects_what_has_no_tail(bad):
    with pytest.raises(ValueError, match="largest, classes and ratio must be at least 1, 2 and 1, got"):
        data.long_tail(*bad[:2], ratio=bad[2])


def line():
    x = torch.linspace(-1, 1, 64).unsqueeze(1)
    with seeded(0):
        return nn.Linear(1, 1), x, 3 * x + 1


def test_train_fits_a_line_and_returns_what_it_watched():
    model, x, y = line()
    slope = {"slope": lambda m: m.weight.item()}
    history = train(model, nn.functional.mse_loss, x, y, steps=100, lr=0.5, watch=slope, every=25)
    assert model.weight.item() == pytest.approx(3, abs=1e-3)
    assert model.bias.item() == pytest.approx(1, abs=1e-3)
    assert history["step"] == [0, 25, 50, 75, 100]
    assert history["slope"][-1] == model.weight.item() != history["slope"][0]
    assert len(history["loss"]) == 100


def test_train_does_one_plain_step_of_gradient_descent():
    model, x, y = line()
    w, b = model.weight.item(), model.bias.item()
    error = w * x + b - y
    train(model, nn.functional.mse_loss, x, y, steps=1, lr=0.1)
    assert model.weight.item() == pytest.approx(w - 0.1 * (2 * error * x).mean().item(), rel=1e-5)


def test_train_visits_every_example_once_per_epoch():
    model, seen = nn.Linear(1, 1), []

    def loss(prediction, target):
        seen.append(target)
        return nn.functional.mse_loss(prediction, target)

    x = torch.arange(12.0).unsqueeze(1) / 12
    train(model, loss, x, x, steps=6, batch_size=4)
    first, second = torch.cat(seen[:3]), torch.cat(seen[3:])
    assert_close(first.sort(0).values, x)
    assert_close(second.sort(0).values, x)
    assert not torch.equal(first, second)


def test_train_follows_its_seed_and_leaves_the_global_one_alone():
    state = torch.random.get_rng_state()
    runs = []
    for seed in (0, 0, 1):
        model, x, y = line()
        runs.append(train(model, nn.functional.mse_loss, x, y, steps=20, batch_size=8, seed=seed)["loss"])
    assert runs[0] == runs[1] != runs[2]
    assert torch.equal(state, torch.random.get_rng_state())


def test_train_watches_in_eval_mode_without_gradient():
    model, modes = nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.5)), []

    def watch(m):
        modes.append((m.training, torch.is_grad_enabled()))
        return math.pi

    x = torch.zeros(4, 1)
    history = train(model, nn.functional.mse_loss, x, x, steps=3, every=2, watch={"pi": watch})
    assert modes == [(False, False)] * 2
    assert (history["pi"], history["step"]) == ([math.pi] * 2, [0, 2])
    assert model.training


def test_train_takes_any_optimizer():
    model, x, y = line()
    train(model, nn.functional.mse_loss, x, y, steps=300, lr=0.1, optimizer=torch.optim.Adam)
    assert model.weight.item() == pytest.approx(3, abs=1e-2)


def test_train_rejects_unequal_lengths_and_empty_runs():
    model, x, y = line()
    with pytest.raises(ValueError, match="y must have as many examples as x, 64, got 63"):
        train(model, nn.functional.mse_loss, x, y[1:], steps=1)
    for bad in ({"steps": 0}, {"steps": 1, "every": 0}, {"steps": 1, "batch_size": 0}):
        with pytest.raises(ValueError, match="steps, every and batch_size must be at least 1, got"):
            train(model, nn.functional.mse_loss, x, y, **bad)
