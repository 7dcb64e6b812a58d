"""The published measurements: our column still holds, no loss is missing, and the pages show what was measured."""

import math
import sys
from pathlib import Path

import pytest
import torch

import lossbook

sys.path.insert(0, str(Path(lossbook.__file__).parents[1] / "bench"))
import accuracy
import behaviours
import speed
import stamp
import tables

STORED = {(row["loss"], row["library"], row["dtype"]): row for row in stamp.read("accuracy")["rows"]}
ASKED = {row["question"]: row for row in stamp.read("behaviours")["rows"]}
CASES = pytest.mark.parametrize("case", accuracy.CASES, ids=lambda case: case.name)
# From probabilities there is nothing to promise: the logit is lost before the loss is called.
UNPROMISED = "binary cross-entropy from probabilities"


def same_size(new, old):
    """Two largest errors agree when they are equal up to the rounding of another processor: a factor of four."""
    return new == old or (math.isnan(new) and math.isnan(old)) or 0 < max(new, old) < 4 * min(new, old)


@CASES
def test_our_column_of_errors_is_what_the_page_shows(case):
    new, old = accuracy.measure(case, "lossbook", torch.float32), STORED[case.name, "lossbook", "float32"]
    assert (new["call"], new["points"]) == (old["call"], old["points"])
    for part in ("value", "gradient"):
        assert same_size(new[part].pop("worst"), old[part]["worst"]), (part, new[part], old[part])
        assert new[part] == {key: count for key, count in old[part].items() if key != "worst"}


@pytest.mark.parametrize("row", [row for key, row in STORED.items() if key[1] == "lossbook"], ids=lambda r: r["loss"])
def test_published_numbers_of_ours_keep_the_promise(row):
    if row["loss"] != UNPROMISED:
        assert row["value"]["outside"] == row["value"]["not_finite"] == 0
        assert row["gradient"]["outside"] == row["gradient"]["not_finite"] == row["gradient"]["dead"] == 0


@pytest.mark.parametrize("behaviour", behaviours.BEHAVIOURS, ids=lambda b: b.question)
def test_our_answers_are_what_the_page_shows(behaviour):
    new = behaviours.measure(behaviour, libraries=("lossbook",))
    old = ASKED[behaviour.question]
    assert new["cells"] == {name: cell for name, cell in old["cells"].items() if name == "lossbook"}
    assert (new["exact"], new["note"], new["issues"]) == (old["exact"], old["note"], old["issues"])


@pytest.mark.parametrize(("call", "problem"), [
    ("nowhere.loss(1)", ModuleNotFoundError), ("F.no_such_loss(1)", AttributeError), ("missing(1)", NameError),
])  # fmt: skip
@pytest.mark.parametrize("exact", [behaviours.ERROR, (behaviours.ERROR, 0), 1.0])
def test_a_failed_import_or_a_wrong_name_is_no_answer(call, problem, exact, monkeypatch):
    monkeypatch.setitem(behaviours.NAMES, "nowhere", behaviours.Lazy("a_library_that_is_not_installed"))
    broken = behaviours.Behaviour("family", "question", exact, {"torch": call})
    with pytest.raises(problem):
        behaviours.ask(broken, "torch")


def test_a_refused_input_is_the_error_that_is_wanted():
    refusing = behaviours.Behaviour("family", "question", behaviours.ERROR, {
        "torch": "F.cross_entropy(torch.zeros(1, 3), tensor([3]))", "lossbook": "F.cross_entropy(torch.zeros(1, 3), "
        "tensor([2]))"})
    assert behaviours.ask(refusing, "torch") == ("IndexError", True)
    assert behaviours.ask(refusing, "lossbook") == ("1.099", False)


@pytest.mark.parametrize(("exact", "answer", "harm", "means"), [
    (behaviours.ERROR, "1.099", behaviours.ROUNDING, "silent"),
    ((behaviours.ERROR, 0), "1.3", behaviours.WRONG, "silent"),
    (-1.0, "NaN", behaviours.GRADIENT, "NaN gradient"), (-1.0, "-∞", behaviours.GRADIENT, "NaN gradient"),
    (-1.0, "0", behaviours.GRADIENT, "dead gradient"), (1e-9, "0", behaviours.GRADIENT, "rounding"),
    (0.23, "0.31", behaviours.WRONG, "wrong formula"), (2e-9, "0", behaviours.ROUNDING, "rounding"),
])  # fmt: skip
def test_a_departure_has_the_severity_of_its_kind(exact, answer, harm, means):
    behaviour = behaviours.Behaviour("family", "question", exact, {}, harm=harm)
    assert behaviours.severity(behaviour, answer, False) == means
    assert behaviours.severity(behaviour, answer, True) is behaviours.severity(behaviour, answer, None) is None


def test_every_departure_on_the_page_has_a_severity_that_the_page_explains():
    page = (stamp.ROOT / "chapters" / "reference" / "libraries.md").read_text(encoding="utf-8")
    for row in ASKED.values():
        for cell in row["cells"].values():
            assert (cell["severity"] is not None) == (cell["agrees"] is False)
            assert cell["severity"] is None or f"**{cell['severity']}**" in page


def test_every_call_of_the_tables_has_a_result():
    wanted = {(case.name, library) for case in accuracy.CASES for library in case.calls}
    assert {key[:2] for key in STORED} == wanted
    assert {b.question: set(b.calls) for b in behaviours.BEHAVIOURS} == {q: set(r["cells"]) for q, r in ASKED.items()}
    timed = {(row["task"], row["library"]) for row in stamp.read("speed")["rows"] if row["library"] != "floor"}
    assert timed == {(task.name, library) for task in speed.TASKS for library in task.calls}


def test_every_loss_of_ours_is_measured():
    calls = " ".join(case.calls["lossbook"] for case in accuracy.CASES)
    parts = (lossbook.regression, lossbook.classification, lossbook.imbalance)  # test_bench_families has the others
    losses = {name for part in parts for name in vars(part) if name in lossbook.__all__ and name != "class_weights"}
    assert len(losses) >= 20
    assert {name for name in losses if f"lossbook.{name}(" not in calls} == set()


def test_every_group_of_the_page_holds_measured_losses_and_none_is_left_out():
    shown = [loss for group in tables.GROUPS.values() for loss in group]
    assert sorted(shown) == sorted(case.name for case in accuracy.CASES)
    page = (stamp.ROOT / "chapters" / "reference" / "libraries.md").read_text(encoding="utf-8")
    for family in {behaviour.family for behaviour in behaviours.BEHAVIOURS}:
        assert f'tables.behaviours("{family}")' in page


def test_what_is_timed_computes_one_number():
    values = {}
    for row in stamp.read("speed")["rows"]:
        if row["library"] != "floor":
            values.setdefault(row["task"], {})[row["library"], row["mode"]] = row["value"]
    for task, found in values.items():
        ours = found["lossbook", "eager"]
        for key, value in found.items():
            classes = 1000 if task.startswith("softmax focal") and key[0] in {"kornia", "MONAI"} else 1  # their mean
            assert math.isclose(value * classes, ours, rel_tol=1e-3), (task, key)


def test_no_peer_is_faster_that_is_as_exact_and_for_focal_loss_none_at_all():
    worst = {(row["loss"], row["library"]): max(row[of]["worst"] for of in ("value", "gradient"))
             for row in stamp.read("accuracy")["rows"] if row["dtype"] == "float32"}
    rows = [row for row in stamp.read("speed")["rows"] if row["library"] != "floor"]
    ours = {(row["task"], row["mode"]): row["minimum_ms"] for row in rows if row["library"] == "lossbook"}
    for row in rows:
        loss = row["task"].replace("delta 1", "delta 2")  # it is timed with 1, and is as exact with 2
        if row["minimum_ms"] < 0.9 * ours[row["task"], row["mode"]]:
            assert not loss.startswith("focal"), row
            assert worst[loss, row["library"]] > 1e4 * worst[loss, "lossbook"], row


def test_times_belong_to_the_present_code():
    stored = stamp.read("speed")
    if stored["code"] != stamp.code("speed"):
        pytest.skip("the losses have changed since they were timed: run `make bench` on a quiet machine")
    assert stored["versions"]["torch"] == torch.__version__.split("+")[0]

