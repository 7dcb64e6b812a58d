"""The data sets and the training loop."""

import hashlib
import http.server
import math
import threading
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

import lossbook
from lossbook import data
from lossbook.training import predict_many, seeded, train, train_many


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


@pytest.mark.parametrize(("bad", "message"), [
    ((0, 3, 2), r"largest must be in \[1, inf\), got 0"), ((5, 1, 2), r"classes must be in \[2, inf\), got 1"),
    ((5, 3, 0.5), r"ratio must be in \[1, inf\), got 0\.5"),
], ids=str)
def test_long_tail_rejects_what_has_no_tail(bad, message):
    with pytest.raises(ValueError, match=message):
        data.long_tail(*bad[:2], ratio=bad[2])


def test_line_with_outliers_is_a_line_with_noise():
    x, y = data.line_with_outliers(20_000, slope=-2.0, intercept=7.0, noise=0.5)
    assert (x.dtype, y.dtype) == (torch.float32, torch.float32)
    assert -5 <= x.min() < -4.9 < 4.9 < x.max() <= 5
    residual = y - (-2 * x + 7)
    assert residual.mean().item() == pytest.approx(0, abs=0.02)
    assert residual.std().item() == pytest.approx(0.5, abs=0.02)


def test_line_with_outliers_replaces_just_the_share_asked_for():
    x, clean = data.line_with_outliers(200, seed=4)
    same_x, dirty = data.line_with_outliers(200, outliers=0.15, stuck_at=-40.0, seed=4)
    moved = clean != dirty
    assert torch.equal(x, same_x)
    assert moved.sum() == 30
    assert_close(dirty[moved], torch.full((30,), -40.0), atol=5, rtol=0)
    with pytest.raises(ValueError, match=r"outliers must be in \[0, 1\], got 1\.5"):
        data.line_with_outliers(outliers=1.5)


def test_line_defaults_are_those_of_the_book():
    x, y = data.line_with_outliers(noise=0.0)
    assert len(x) == 1000
    assert_close(y, 3.3 * x + 5.3)


def test_widening_noise_has_linear_quantiles():
    x, y = data.widening_noise(40_000, seed=1)
    for z, share in ((-1.2816, 0.1), (0.0, 0.5), (1.2816, 0.9)):
        below = y < 2 + x + (0.2 + 0.3 * x) * z
        for part in (x < 5, x >= 5):
            assert below[part].float().mean().item() == pytest.approx(share, abs=0.01)


def test_two_class_images_have_the_counts_of_the_x_rays():
    images, classes = data.two_class_images(size=6)
    assert images.shape == (1341 + 3875, 1, 6, 6)
    assert classes.bincount().tolist() == [1341, 3875]
    assert (images.dtype, classes.dtype) == (torch.float32, torch.int64)


def test_two_class_images_differ_by_a_spot_of_the_contrast_asked_for():
    images, classes = data.two_class_images((400, 400), contrast=2.0)
    plain = data.two_class_images((400, 400), contrast=0.0)[0]
    spot = images - plain
    assert_close(spot[classes == 0], torch.zeros(400, 1, 16, 16))
    assert spot[classes == 1].amax((1, 2, 3)).mean().item() == pytest.approx(2, abs=0.1)
    assert plain.std().item() == pytest.approx(1, abs=0.02)


def test_multi_label_images_keep_their_promises():
    images, told, truth = data.multi_label_images(4000, labels=20, present=3.0, ratio=4.0, missing=0.25, size=8)
    assert images.shape == (4000, 1, 8, 8)
    assert truth.unique().tolist() == told.unique().tolist() == [0, 1]
    assert bool((truth.sum(1) >= 1).all())
    assert truth.sum(1).mean().item() == pytest.approx(3, abs=0.15)
    assert (told.sum() / truth.sum()).item() == pytest.approx(0.75, abs=0.02)
    assert bool((told <= truth).all())
    assert (truth[:, 0].mean() / truth[:, -1].mean()).item() == pytest.approx(4, rel=0.25)


def test_multi_label_images_show_the_same_patterns_whatever_the_seed():
    patterns = []
    for seed in (0, 1):
        images, _, truth = data.multi_label_images(3000, labels=10, noise=0.0, size=4, seed=seed)
        patterns.append(torch.linalg.lstsq(truth, images.flatten(1)).solution)
    assert_close(patterns[0], patterns[1], atol=1e-3, rtol=0)
    assert not same(data.multi_label_images(50, seed=0), data.multi_label_images(50, seed=1))
    assert same(data.multi_label_images(50, seed=1), data.multi_label_images(50, seed=1))


def test_multi_label_images_reject_what_cannot_be():
    with pytest.raises(ValueError, match=r"missing must be in \[0, 1\], got -0\.5"):
        data.multi_label_images(10, missing=-0.5)
    with pytest.raises(ValueError, match=r"present must leave every label below 1 per image, got 1\.00"):
        data.multi_label_images(10, labels=4, present=4, ratio=1)


@pytest.mark.parametrize(("make", "name"), [
    (data.line_with_outliers, "noise"), (data.multi_label_images, "noise"), (data.two_class_images, "contrast"),
], ids=["line", "labels", "spot"])
def test_a_spread_is_not_negative(make, name):
    with pytest.raises(ValueError, match=rf"{name} must be in \[0, inf\), got -0.1"):
        make(**{name: -0.1})


def test_breast_cancer_split_is_standardised_by_its_training_part():
    split = data.breast_cancer_split(seed=3)
    assert [len(part) for part in split] == [341, 341, 114, 114, 114, 114]
    assert_close(split.x_train.mean(0), torch.zeros(30), atol=1e-5, rtol=0)
    assert_close(split.x_train.std(0, correction=0), torch.ones(30), atol=1e-5, rtol=0)
    assert split.x_test.mean().abs() > 1e-3
    assert split.y_train.float().mean().item() == pytest.approx(212 / 569, abs=0.01)
    assert len(torch.cat(split[::2]).unique(dim=0)) == 569


@pytest.fixture
def release(tmp_path, monkeypatch):
    """Serve a small stand-in for PneumoniaMNIST from this machine; yields what the server does and saw."""
    rng = np.random.default_rng(0)
    parts = {f"{part}_images": rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
             for part, n in (("train", 6), ("val", 3), ("test", 2))}
    parts |= {name.replace("images", "labels"): np.arange(len(x))[:, None] % 2 for name, x in parts.items()}
    np.savez(tmp_path / "made.npz", **parts)
    body = (tmp_path / "made.npz").read_bytes()
    state = {"cut": 0, "ranges": True, "asked": [], "body": body}

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range", "bytes=0-")
            state["asked"].append(asked)
            start = int(asked[6:-1]) if state["ranges"] else 0
            if start > len(state["body"]):
                self.send_error(416)
                return
            rest = state["body"][start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: state["cut"] or None])

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/pneumoniamnist.npz"
    monkeypatch.setattr(data, "PNEUMONIA", {
        "url": url, "md5": hashlib.md5(body).hexdigest(), "megabytes": "4",
    })
    yield state
    server.shutdown()
    server.server_close()


def test_pneumonia_is_downloaded_once_and_unpacked(release, tmp_path):
    for _ in range(2):
        split = data.pneumonia_mnist(folder=tmp_path / "cache")
    assert len(release["asked"]) == 1
    assert [tuple(part.shape) for part in split] == [(6, 1, 28, 28), (6,), (3, 1, 28, 28), (3,), (2, 1, 28, 28), (2,)]
    assert split.y_train.tolist() == [0, 1, 0, 1, 0, 1]
    assert (split.x_train.dtype, split.y_train.dtype) == (torch.float32, torch.int64)
    assert 0 <= split.x_train.min() < 0.1 < 0.9 < split.x_train.max() <= 1


@pytest.mark.parametrize("ranges", [True, False], ids=["server resumes", "server begins again"])
def test_pneumonia_goes_on_where_it_stopped(release, tmp_path, ranges):
    release["cut"] = 1000
    with pytest.raises(ConnectionError, match=r"\(4 MB\): .* bytes .*[Rr]un this again to go on"):
        data.pneumonia_mnist(folder=tmp_path / "cache")
    release["cut"], release["ranges"] = 0, ranges
    assert len(data.pneumonia_mnist(folder=tmp_path / "cache").x_train) == 6
    assert release["asked"] == ["bytes=0-", "bytes=1000-"]


def test_pneumonia_begins_again_when_the_part_is_of_another_file(release, tmp_path):
    (tmp_path / "pneumoniamnist.part").write_bytes(b"x" * (len(release["body"]) + 1))
    with pytest.raises(ConnectionError, match="416"):
        data.pneumonia_mnist(folder=tmp_path)
    assert len(data.pneumonia_mnist(folder=tmp_path).x_train) == 6


def test_pneumonia_must_be_the_file_that_was_released(release, tmp_path):
    release["body"] = release["body"][:-1] + b"?"
    with pytest.raises(ValueError, match="hash"):
        data.pneumonia_mnist(folder=tmp_path)
    assert not (tmp_path / "pneumoniamnist.npz").exists()


def test_pneumonia_says_what_to_do_without_a_network(tmp_path, monkeypatch):
    monkeypatch.setitem(data.PNEUMONIA, "url", "http://127.0.0.1:9/pneumoniamnist.npz")
    with pytest.raises(ConnectionError, match=r"cannot download http.*put it into .* as pneumoniamnist\.npz"):
        data.pneumonia_mnist(folder=tmp_path)


def test_pneumonia_is_that_of_the_published_release():
    assert data.PNEUMONIA["url"].startswith("https://zenodo.org/records/10519652/")
    assert len(data.PNEUMONIA["md5"]) == 32


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


def test_train_draws_by_weight_with_replacement():
    model, seen = nn.Linear(1, 1), []

    def loss(prediction, target):
        seen.append(target)
        return nn.functional.mse_loss(prediction, target)

    x = torch.tensor([[0.0], [1.0], [2.0]])
    train(model, loss, x, x, steps=100, batch_size=100, sample_weight=torch.tensor([1.0, 3.0, 0.0]))
    assert torch.cat(seen).mean().item() == pytest.approx(0.75, abs=0.02)
    assert torch.cat(seen).max() == 1
    seen.clear()
    train(model, loss, x, x, steps=1, sample_weight=torch.ones(3))
    assert len(seen[0]) == 3


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
    with pytest.raises(ValueError, match="y must have one entry per example of x, 64, got 63"):
        train(model, nn.functional.mse_loss, x, y[1:], steps=1)
    with pytest.raises(ValueError, match="sample_weight must have one entry per example of x, 64, got 2"):
        train(model, nn.functional.mse_loss, x, y, steps=1, sample_weight=torch.ones(2))
    for bad in ("steps", "every", "batch_size"):
        with pytest.raises(ValueError, match=rf"{bad} must be in \[1, inf\), got 0"):
            train(model, nn.functional.mse_loss, x, y, **{"steps": 1, bad: 0})


def test_a_batch_without_replacement_is_no_larger_than_the_set():
    model, x, y = line()
    with pytest.raises(ValueError, match="batch_size must be at most 64, the number of examples, got 65"):
        train(model, nn.functional.mse_loss, x, y, steps=1, batch_size=65)
    train(model, nn.functional.mse_loss, x, y, steps=1, batch_size=65, sample_weight=torch.ones(64))


def three_models():
    def model(seed):
        with seeded(seed):
            return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))

    rng = torch.Generator().manual_seed(7)
    x, y = torch.randn(3, 20, 4, generator=rng), torch.randint(3, (3, 20), generator=rng)
    return [model(seed) for seed in range(3)], x, y, torch.rand(3, 20, generator=rng)


each_loss = partial(lossbook.cross_entropy, reduction="none")


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
@pytest.mark.parametrize("how", ["all", "batches", "weights", "weighted batches"])
def test_many_models_become_what_train_makes_of_each_alone(how, optimizer):
    many, x, y, weight = three_models()
    options = {"steps": 15, "lr": 0.05, "optimizer": optimizer}
    if "batches" in how:
        options["batch_size"] = 6
    chances = weight if "weight" in how else [None] * 3
    together = train_many(many, each_loss, x, y, seed=4, every=5, watch={"first": lambda models: [
        model[0].weight[0, 0] for model in models]}, sample_weight=weight if "weight" in how else None, **options)
    for i, alone in enumerate(three_models()[0]):
        history = train(alone, lossbook.cross_entropy, x[i], y[i], seed=4 + i, every=5, sample_weight=chances[i],
                        watch={"first": lambda model: model[0].weight[0, 0]}, **options)
        for ours, theirs in zip(many[i].parameters(), alone.parameters(), strict=True):
            assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
        assert_close(together["loss"][i].tolist(), history["loss"], rtol=1e-4, atol=1e-6)
        assert_close(together["first"][i].tolist(), history["first"], rtol=1e-4, atol=1e-6)
        assert together["step"].tolist() == history["step"]


def test_many_models_can_be_trained_on_and_asked():
    models, x, y, _ = three_models()
    first = train_many(models, each_loss, x, y, steps=30, lr=0.1)["loss"]
    second = train_many(models, each_loss, x, y, steps=1, lr=0.1)["loss"]
    assert (second[:, 0] < first[:, -1]).all()
    said = predict_many(models, x)
    assert said.shape == (3, 20, 3)
    assert not said.requires_grad
    assert_close(said[1], models[1](x[1]).detach())
    silent = [nn.Dropout(1.0), nn.Dropout(1.0).eval(), nn.Dropout(1.0)]
    assert_close(predict_many(silent, x), x)
    assert [model.training for model in silent] == [True, False, True]
    with pytest.raises(ValueError, match=r"x must have one entry per model, 3, got shape \(2, 20, 4\)"):
        predict_many(models, x[:2])


def test_many_labels_count_by_their_mean_over_examples_and_labels():
    models, x, _, _ = three_models()
    y = (x[..., :3] > 0).float()
    options = {"steps": 1, "lr": 0.1}
    loss = partial(lossbook.binary_cross_entropy_with_logits, reduction="none")
    found = train_many(models, loss, x, y, **options)["loss"][:, 0]
    alone = [train(m, lossbook.binary_cross_entropy_with_logits, a, b, **options)["loss"][0]
             for m, a, b in zip(three_models()[0], x, y, strict=True)]
    assert_close(found.tolist(), alone)


def test_many_models_follow_their_seed_and_leave_the_global_one_alone():
    state, runs = torch.random.get_rng_state(), []
    for seed in (0, 0, 1):
        models, x, y, _ = three_models()
        runs.append(train_many(models, each_loss, x, y, steps=9, batch_size=4, seed=seed)["loss"])
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])
    assert torch.equal(state, torch.random.get_rng_state())


def test_dropout_differs_from_model_to_model_and_rests_while_we_watch():
    def dropped(models):
        modes.append(torch.is_grad_enabled())
        return [model(torch.ones(1, 8)).count_nonzero() for model in models]

    models, modes = [nn.Sequential(nn.Linear(8, 8, bias=False), nn.Dropout(0.5)) for _ in range(2)], []
    for model in models:
        nn.init.eye_(model[0].weight)
    losses = []

    def loss(z, y):
        losses.append(z.view(2, -1) == 0)
        return (z - y).square()

    ones = torch.ones(2, 40, 8)
    history = train_many(models, loss, ones, ones, steps=1, lr=1e-9, watch={"kept": dropped})
    assert history["kept"].tolist() == [[8, 8]] * 2
    assert modes == [False, False]
    assert not torch.equal(*losses[0])
    assert 0.4 < losses[0].float().mean() < 0.6
    assert all(model.training for model in models)
    train_many([model.eval() for model in models], loss, ones, ones, steps=1)
    assert all(model.training for model in models)


@pytest.mark.parametrize(("change", "message"), [
    ({"models": []}, "models must hold at least one model, got none"),
    ({"x": torch.zeros(2, 20, 4)}, r"x must have shape \(3, N, …\), one entry per model, .*got \(2, 20, 4\)"),
    ({"y": torch.zeros(3, 19).long()}, r"y must have shape \(3, N, …\), .*got \(3, 19\)"),
    ({"y": torch.zeros(20).long()}, r"y must have shape \(3, N, …\), .*got \(20,\)"),
    ({"sample_weight": torch.ones(20)}, r"sample_weight must have shape \(3, N, …\), .*got \(20,\)"),
    ({"loss": lossbook.cross_entropy}, r"loss must give one loss per example \(reduction=\"none\"\), got shape \(\)"),
    ({"models": [nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3)) for _ in range(3)]}, "models must have no buffers"),
    ({"steps": 0}, r"steps must be in \[1, inf\), got 0"),
    ({"batch_size": 21}, "batch_size must be at most 20"),
])  # fmt: skip
def test_train_many_says_what_does_not_fit(change, message):
    models, x, y, _ = three_models()
    given = {"models": models, "loss": each_loss, "x": x, "y": y, "steps": 2} | change
    with pytest.raises(ValueError, match=message):
        train_many(given.pop("models"), given.pop("loss"), given.pop("x"), given.pop("y"), **given)
