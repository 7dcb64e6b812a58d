"""The bake-off: its formulas are the package's, its rules hold, its stored result belongs to the present code."""

import inspect
import itertools
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, balanced_accuracy_score
from torch import nn

import lossbook
from lossbook import class_weights
from lossbook.data import Split
from lossbook.training import seeded

sys.path.insert(0, str(Path(lossbook.__file__).parents[1] / "bench"))
import bakeoff
import inference
import remedies
import run_bakeoff
import sets
import stamp

B, K, N = 3, 4, 60
RNG = torch.Generator().manual_seed(5)
Z = 2 * torch.randn(B, K, N, generator=RNG)
CLASSES = torch.arange(K).repeat_interleave(torch.tensor([30, 15, 10, 5])).expand(B, N)
Y = nn.functional.one_hot(CLASSES).mT.float()
LABELS = (torch.rand(B, K, N, generator=RNG) < torch.tensor([0.6, 0.4, 0.3, 0.1])[:, None]).float()
COUNTS = [30, 15, 10, 5]
ONES = torch.ones(B, N)


def option(*values):
    return torch.tensor(values)[:, None, None]


def weighted(loss, method, *, beta=None, **own):
    return partial(loss, weight=class_weights(COUNTS, method=method, beta=beta), **own)


def ldam(*, scale, margin, beta=None):
    """On cosines times their scale, as the networks give them."""
    weight = None if beta is None else class_weights(COUNTS, method="effective", beta=beta)
    return lambda z, y: lossbook.ldam_loss(z / scale, y, counts=COUNTS, max_margin=margin, scale=scale, weight=weight)


def ohem(z, y, *, share):
    each = lossbook.cross_entropy(z, y, reduction="none").flatten()
    return each.topk(int(share * N)).values.mean()


def power(z, y, *, power):
    return lossbook.cross_entropy(z, y, weight=torch.tensor(COUNTS).float() ** -power)


SINGLE = {
    remedies.cross_entropy: (lambda: lossbook.cross_entropy, {}),
    remedies.weights_balanced: (partial(weighted, lossbook.cross_entropy, "inverse"), {}),
    remedies.weights_log: (partial(weighted, lossbook.cross_entropy, "log"), {}),
    remedies.weights_power: (lambda **own: partial(power, **own), {"power": (0.3, 0.5, 1.2)}),
    remedies.weights_effective: (partial(weighted, lossbook.cross_entropy, "effective"), {"beta": (0.9, 0.99, 0.999)}),
    remedies.focal: (lambda **own: partial(lossbook.softmax_focal_loss, **own), {"gamma": (0.5, 2.0, 3.3)}),
    remedies.class_balanced_focal: (
        partial(weighted, lossbook.softmax_focal_loss, "effective"),
        {"gamma": (0.5, 2.0, 3.3), "beta": (0.9, 0.99, 0.9)}),
    remedies.logit_adjusted: (
        lambda **own: partial(lossbook.logit_adjusted_loss, counts=COUNTS, **own), {"tau": (0.5, 1.0, 1.7)}),
    remedies.cross_entropy_of_cosines: (lambda **_own: lossbook.cross_entropy, {"scale": (2.0, 5.0, 9.0)}),
    remedies.ldam: (ldam, {"scale": (2.0, 5.0, 9.0), "margin": (0.2, 0.5, 0.9)}),
    remedies.ldam_weighted: (ldam, {"scale": (2.0, 5.0, 9.0), "margin": (0.2, 0.5, 0.9), "beta": (0.9, 0.99, 0.9)}),
    remedies.hard_examples: (lambda **own: partial(ohem, **own), {"share": (0.1, 0.5, 0.9)}),
    remedies.asymmetric: (
        lambda gamma_neg, smoothing: partial(
            lossbook.softmax_asymmetric_loss, gamma_neg=gamma_neg, label_smoothing=smoothing),
        {"gamma_neg": (0.4, 2.0, 4.0), "smoothing": (0.05, 0.1, 0.3)}),
}
MANY = {
    remedies.binary_cross_entropy: (lambda: lossbook.binary_cross_entropy_with_logits, {}),
    remedies.weights_for_positives: (None, {"power": (0.3, 0.5, 1.2)}),
    remedies.binary_focal: (lambda **own: partial(lossbook.focal_loss, **own), {"gamma": (0.5, 2.0, 3.3)}),
    remedies.binary_asymmetric: (
        lambda **own: partial(lossbook.asymmetric_loss, **own),
        {"gamma_neg": (0.4, 2.0, 4.0), "margin": (0.0, 0.05, 0.2)}),
    remedies.distribution_balanced: (None, {"scale": (1.0, 2.0, 5.0), "mu": (0.1, 0.2, 0.4)}),
    remedies.hard_labels: (
        lambda share: partial(lossbook.ohem_loss, keep=int(share * K * N)), {"share": (0.1, 0.5, 0.9)}),
}


def per_label(name, y, **own):
    """The package's losses that are told how often each label comes."""
    n = y.sum(0)
    if name == "weights_for_positives":
        return partial(lossbook.binary_cross_entropy_with_logits, pos_weight=((N - n) / n) ** own["power"])
    return partial(lossbook.distribution_balanced_loss, counts=n, total=N, **own)


@pytest.mark.parametrize("function", [*SINGLE, *MANY], ids=lambda function: function.__name__)
def test_a_formula_for_many_networks_is_the_loss_of_the_package_for_each(function):
    one_label = function in SINGLE
    loss_for, own = (SINGLE if one_label else MANY)[function]
    z, found = Z.clone().requires_grad_(), function
    ours = found(z, Y if one_label else LABELS, ONES, **{name: option(*values) for name, values in own.items()})
    (slopes,) = torch.autograd.grad(ours.sum(), z)
    for b in range(B):
        here, mine = Z[b].T.clone().requires_grad_(), {name: values[b] for name, values in own.items()}
        target = CLASSES[b] if one_label else LABELS[b].T
        loss = loss_for(**mine) if loss_for else per_label(function.__name__, target, **mine)
        theirs = loss(here, target) * (1 if one_label else K)
        torch.testing.assert_close(ours[b], theirs, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(slopes[b].T, torch.autograd.grad(theirs, here)[0], rtol=1e-4, atol=1e-6)


def test_every_formula_is_held_to_the_package():
    methods = (*remedies.METHODS.values(), *remedies.LABEL_METHODS.values())
    used = {loss for one in methods for loss in (one.loss, one.last)}
    assert used - {None} == {*SINGLE, *MANY}


def test_every_loss_for_imbalance_takes_part():
    source = inspect.getsource(sys.modules[__name__])
    losses = [name for name in lossbook.__all__ if hasattr(lossbook.imbalance, name)]
    assert losses
    assert [name for name in losses if name not in source] == []


# The engine.


@pytest.fixture
def short(monkeypatch):
    """Few steps: what is tested does not depend on how long training lasts."""
    monkeypatch.setattr(bakeoff, "LOOKS", (5, 10))


def beside(name, seeds):
    data = sets.beside([sets.repetition(sets.load(name), r) for r in seeds])
    return Split(*(nn.functional.one_hot(part).mT.float() if n % 2 else part for n, part in enumerate(data)))


def some(method, *settings):
    drawn = remedies.settings("breast_cancer", method)
    return {name: values[list(settings)] for name, values in drawn.items()}


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("hidden", [0, 16])
@pytest.mark.parametrize("method", remedies.METHODS)
def test_a_network_learns_the_same_alone_and_beside_others(method, hidden):
    one = remedies.METHODS[method]
    both = bakeoff.fit(one, hidden, beside("breast_cancer", (1, 3)), (1, 3), some(one, 0, 4, 7))[1]
    alone = bakeoff.fit(one, hidden, beside("breast_cancer", (3,)), (3,), some(one, 4))[1]
    assert both.shape == (3, 2, 2, 2, both.shape[-1])
    torch.testing.assert_close(both[1, 1], alone[0, 0], rtol=2e-3, atol=2e-3)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("hidden", [0, 16])
def test_it_is_torch_that_would_train_so(hidden):
    """With torch's own layers, loss and optimiser, and the penalty in the loss."""
    data, options = beside("breast_cancer", (2,)), {"lr": torch.tensor([0.05]), "l2": torch.tensor([0.1])}
    ours = bakeoff.fit(remedies.METHODS["cross-entropy"], hidden, data, (2,), options)[1][0, 0, -1]
    with seeded(2):
        layers = [nn.Linear(30, hidden), nn.ReLU(), nn.Linear(hidden, 2)] if hidden else [nn.Linear(30, 2)]
    network = nn.Sequential(*layers)
    update = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(10):
        update.zero_grad()
        loss = nn.functional.cross_entropy(network(data.x_train[0].T), data.y_train[0].argmax(0))
        penalty = sum(layer.weight.square().sum() for layer in layers[::2])
        (loss + 0.1 / 2 * penalty).backward()
        update.step()
    torch.testing.assert_close(ours, network(data.x_test[0].T).T, rtol=1e-3, atol=1e-4)


def test_what_is_drawn_has_every_class_equally_often():
    y, generators = beside("breast_cancer", (0, 1)).y_train, [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    over, under = (bakeoff.drawn(remedies.METHODS[f"{kind}sampling"], y, generators) for kind in ("over", "under"))
    assert over.sum(1).tolist() == [y.shape[2]] * 2
    torch.testing.assert_close((over[:, None] * y).sum(2) / y.shape[2], torch.full((2, 2), 0.5), atol=0.07, rtol=0)
    assert (under[:, None] * y).sum(2).unique().tolist() == [int(y[0, 1].sum())]


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("name", ["breast_cancer", "collages"])
def test_the_choice_does_not_see_the_test_part(name, monkeypatch):
    function, split = (bakeoff.compare_labels, "labelled") if name == "collages" else (bakeoff.compare, "repetition")
    monkeypatch.setattr(bakeoff, "METHODS", {"focal": remedies.METHODS["focal"]})
    monkeypatch.setattr(bakeoff, "LABEL_METHODS", {"focal": remedies.LABEL_METHODS["focal"]})
    before = function(name, (0, 1))[0]["found"]["focal"]
    original = getattr(sets, split)
    monkeypatch.setattr(sets, split, lambda *given: original(*given)._replace(x_test=original(*given).x_test.flip(-1)))
    after = function(name, (0, 1))[0]["found"]["focal"]
    assert (after["setting"], after["look"]) == (before["setting"], before["look"])
    assert after["log loss"] != before["log loss"]


@pytest.mark.parametrize("digits", [6, 1])
def test_average_precision_counts_equal_scores_together(digits):
    z = (torch.randn(3, 2, 40, generator=torch.Generator().manual_seed(0)) * 10**digits).round() / 10**digits
    y = (torch.rand(3, 2, 40, generator=torch.Generator().manual_seed(1)) < 0.2).float()
    theirs = [[average_precision_score(y[i, k], z[i, k]) for k in range(2)] for i in range(3)]
    torch.testing.assert_close(bakeoff.average_precisions(z, y), torch.tensor(theirs), check_dtype=False)


def test_the_scores_are_what_they_are_called():
    for b in range(B):
        score = partial(bakeoff.score, z=Z[b], y=Y[b])
        theirs = balanced_accuracy_score(CLASSES[b], Z[b].argmax(0))
        assert float(score("balanced accuracy")) == pytest.approx(theirs, abs=2e-5)
        assert float(score("accuracy")) == pytest.approx(float((Z[b].argmax(0) == CLASSES[b]).float().mean()), abs=2e-5)
        assert float(score("log loss")) == pytest.approx(-float(lossbook.cross_entropy(Z[b].T, CLASSES[b])), abs=1e-5)


# The data.


def test_five_repetitions_test_every_row_once(monkeypatch):
    table = sets.load("breast_cancer")
    monkeypatch.setattr(sets.np, "clip", lambda x, *_: x)
    tested = []
    for r in range(5):
        part = sets.repetition(table, r)
        train = np.concatenate([part.x_train.T.double(), part.x_val.T.double(), part.x_test.T.double()])
        assert len(np.unique(train.round(4), axis=0)) == 565  # no row is in two parts
        tested.append(part.y_test.bincount().tolist())
    assert tested == [[71, 42]] * 5


def test_a_made_tail_draws_its_rare_classes_anew():
    table = sets.load("digits")
    parts = [sets.repetition(table, r) for r in range(3)]
    sizes = parts[0].y_train.bincount().tolist()
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 8 * sizes[-1]
    assert all(part.y_train.bincount().tolist() == sizes for part in parts)
    commonest = [part.x_train[:, part.y_train == 0].mean(1) for part in parts]
    assert all((a - b).abs().max() > 0.5 for a, b in itertools.combinations(commonest, 2))


def test_labels_are_forgotten_in_training_and_never_in_the_test():
    told, forgotten = sets.labelled("patterns", 0), sets.labelled("patterns, half missing", 0)
    torch.testing.assert_close(told.y_test, forgotten.y_test)
    for part in ("y_train", "y_val"):
        assert 0.4 < float(getattr(forgotten, part).sum() / getattr(told, part).sum()) < 0.6


def test_words_become_columns_and_no_row_counts_twice():
    rows = ["1,red,yes,a", "2,blue,no,b", "2, blue,no,b", "3,grey,no,a", "?,red,no,a"]
    x, y = sets.coded([row.split(",") for row in rows])
    assert x.tolist() == [[1, 0, 0, 1, 1], [2, 1, 0, 0, 0], [3, 0, 1, 0, 0]]
    assert y.tolist() == ["a", "b", "a"]


# The stored results.

PARTS = sorted(run_bakeoff.PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_the_stored_result_belongs_to_the_present_code(part):
    assert stamp.read(part)["code"] == run_bakeoff.stamp(), "run `make bakeoff` again"


@pytest.mark.parametrize("part", PARTS)
def test_every_method_has_every_metric_for_every_repetition(part):
    found, facts = inference.load(part)
    wanted = {(name, model, method) for name in facts for model in bakeoff.MODELS for method in remedies.METHODS}
    wanted |= {(name, "linear", method) for name in sets.LABELLED for method in remedies.LABEL_METHODS}
    assert set(found) == wanted
    for key, metrics in found.items():
        assert len(metrics) >= 8
        for metric, values in metrics.items():
            assert len(values) == run_bakeoff.TABLES == run_bakeoff.LABELS
            assert np.isfinite(values).all(), (key, metric)
            assert (values >= 0).all()
            assert metric in {"setting", "look", "shift"} or "loss" in metric or values.max() <= 1


def test_there_are_data_enough():
    _, facts = inference.load()
    classes = [one["classes"] for one in facts.values()]
    assert classes.count(2) >= 60
    assert len(classes) - classes.count(2) >= 10
    assert all(one["rarest"] >= sets.LEAST and one["ratio"] >= sets.RATIO for one in facts.values())
    assert len({one["family"] for one in facts.values()}) >= 40


@pytest.mark.skipif(not sets.FOLDER.exists(), reason="`make bakeoff` has not fetched the tables")
def test_the_stored_sets_are_those_that_the_rule_admits():
    assert set(inference.load()[1]) == {name for name in sets.catalogue() if sets.load(name)}


def test_what_is_said_of_a_set_comes_out_again_on_any_number_of_cores():
    here = [name for name in sets.catalogue() if sets.load(name)]
    assert here
    for name in here:
        assert sets.facts(sets.load(name)) == inference.load()[1][name]


@pytest.mark.parametrize(("name", "methods"), [
    ("breast_cancer", ("cross-entropy", "oversampling", "focal", "cosine: LDAM, deferred weights")),
    ("digits", ("threshold moving", "undersampling", "logit-adjusted")),
    ("collages", ("binary cross-entropy", "resampling", "asymmetric")),
])  # fmt: skip
def test_a_slice_comes_out_again(name, methods, monkeypatch):
    """Another processor adds in another order; then a row or two near the border change sides."""
    part = "LABEL_METHODS" if name in sets.LABELLED else "METHODS"
    monkeypatch.setattr(bakeoff, part, {method: getattr(remedies, part)[method] for method in methods})
    stored = inference.load()[0]
    again = (bakeoff.compare_labels if name in sets.LABELLED else bakeoff.compare)(name, tuple(range(5)))
    for row in again:
        for method, metrics in row["found"].items():
            was = stored[name, row["model"], method]
            for metric in {*was} & {*metrics} - {"setting", "look", "shift"}:
                wanted = pytest.approx(was[metric].mean(), rel=0.05, abs=0.02)
                assert np.mean(metrics[metric]) == wanted, (method, metric)
