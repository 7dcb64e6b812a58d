"""The published measurements beyond classification: our column still holds, and what is compared is comparable."""

import math
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch
from mpmath import mp, mpf

import lossbook

sys.path.insert(0, str(Path(lossbook.__file__).parents[1] / "bench"))
import accuracy_families as accuracy
import behaviours
import behaviours_families
import exact_families as exact
import speed_families as speed
import stamp
import tables

ROOT = stamp.ROOT
STORED = {(row["loss"], row["library"]): row for row in stamp.read("accuracy_families")["rows"]}
ASKED = {row["question"]: row for row in stamp.read("behaviours_families")["rows"]}
TIMED = stamp.read("speed_families")["rows"]
GROWN = stamp.read("growth_families")["rows"]
# No library here has the same formula, so there is nothing to measure beside: sums, squares and differences of others.
ALONE = {
    "batch_all_triplet_loss", "box_iou_loss", "combo_loss", "contrastive_loss", "denoising_loss", "dpo_loss",
    "flow_matching_loss", "hinge_discriminator_loss", "hinge_generator_loss", "least_squares_discriminator_loss",
    "least_squares_generator_loss", "list_mle_loss", "margin_ranking_loss", "minimax_generator_loss",
    "non_saturating_discriminator_loss", "pairwise_logistic_loss", "softmax_dice_loss", "wasserstein_critic_loss",
    "wasserstein_generator_loss", "z_loss", "linear_cross_entropy",
}  # fmt: skip
MODULES = ("segmentation", "geometry", "embedding", "ranking", "sequence", "generative", "reinforcement", "scale")


def same_size(new, old):
    """Two largest errors agree when they are equal up to the rounding of another processor: a factor of four."""
    return new == old or (math.isnan(new) and math.isnan(old)) or 0 < max(new, old) < 4 * min(new, old)


@pytest.mark.parametrize("case", accuracy.CASES, ids=lambda case: case.name)
def test_our_column_of_errors_is_what_the_page_shows(case):
    new, old = accuracy.measure(case, "lossbook"), STORED[case.name, "lossbook"]
    assert (new["call"], new["points"]) == (old["call"], old["points"])
    for part in ("value", "gradient"):
        assert same_size(new[part].pop("worst"), old[part]["worst"]), (part, new[part], old[part])
        assert new[part] == {key: count for key, count in old[part].items() if key != "worst"}


@pytest.mark.parametrize("row", [row for key, row in STORED.items() if key[1] == "lossbook"], ids=lambda r: r["loss"])
def test_published_numbers_of_ours_keep_the_promise(row):
    assert row["value"]["outside"] == row["value"]["not_finite"] == 0
    assert row["gradient"]["outside"] == row["gradient"]["not_finite"] == row["gradient"]["dead"] == 0


@pytest.mark.parametrize("behaviour", behaviours_families.BEHAVIOURS, ids=lambda b: b.question)
def test_our_answers_are_right_and_are_what_the_page_shows(behaviour):
    new = behaviours.measure(behaviour, libraries=("lossbook",))["cells"]
    old = ASKED[behaviour.question]
    assert new == {name: cell for name, cell in old["cells"].items() if name == "lossbook"}
    assert all(cell["agrees"] is not False for cell in new.values())
    assert (behaviour.note, list(behaviour.issues)) == (old["note"], old["issues"])


def test_every_call_of_the_tables_has_a_result():
    assert set(STORED) == {(case.name, library) for case in accuracy.CASES for library in case.calls}
    asked = {b.question: set(b.calls) for b in behaviours_families.BEHAVIOURS}
    assert asked == {question: set(row["cells"]) for question, row in ASKED.items()}
    assert {(r["task"], r["library"]) for r in TIMED} == {(t.name, library) for t in speed.TASKS for library in t.calls}
    grown = {(task.name, size, library) for task in speed.TASKS for size in task.sizes for library in task.grows}
    assert {(r["task"], tuple(r["size"]), r["library"]) for r in GROWN} == grown


def test_a_question_is_asked_of_at_least_two_libraries_and_twenty_are_answered_wrongly_by_one():
    assert all(len(row["cells"]) >= 2 for row in ASKED.values())
    wrong = [q for q, row in ASKED.items() if any(cell["agrees"] is False for cell in row["cells"].values())]
    assert len(wrong) >= 20


def test_every_loss_of_these_families_is_measured_or_has_no_peer():
    calls = " ".join(case.calls["lossbook"] for case in accuracy.CASES)
    losses = {name for module in MODULES for name, loss in vars(getattr(lossbook, module)).items()
              if isinstance(loss, types.FunctionType) and name in lossbook.__all__ and "loss" in name}  # fmt: skip
    assert {name for name in losses if f"lossbook.{name}(" not in calls} == losses & ALONE


def test_the_pages_show_every_family_and_every_group():
    shown = [loss for group in tables.FAMILIES.values() for loss in group]
    assert sorted(shown) == sorted(case.name for case in accuracy.CASES)
    reference = stamp.ROOT / "chapters" / "reference"
    libraries, numerics = ((reference / name).read_text(encoding="utf-8") for name in ("libraries.md", "numerics.md"))
    assert all(f'tables.behaviours("{b.family}")' in libraries for b in behaviours_families.BEHAVIOURS)
    assert all(f'tables.accuracy("{group}")' in numerics for group in tables.FAMILIES)


def test_what_is_timed_computes_one_number():
    ours = {row["task"]: row["value"] for row in TIMED if (row["library"], row["mode"]) == ("lossbook", "eager")}
    for row in TIMED:
        loose = 0.05 if row["library"].startswith("geomloss") else 1e-3  # its steps are counted, not its error
        assert math.isclose(row["value"], ours[row["task"]], rel_tol=loose), row


@pytest.mark.parametrize("task", speed.TASKS, ids=lambda task: task.name)
def test_growth_is_drawn_over_four_sizes_or_not_at_all(task):
    assert len(set(task.sizes)) in {0, 4}
    assert bool(task.sizes) == bool(task.grows) == bool(task.unit)
    assert set(task.grows) <= set(task.calls)


def test_times_belong_to_the_present_code():
    for name in ("speed_families", "growth_families"):
        stored = stamp.read(name)
        if stored["code"] != stamp.code("speed_families"):
            pytest.skip("the losses have changed since they were timed: run `make bench` on a quiet machine")
        assert stored["versions"]["torch"] == torch.__version__.split("+")[0]


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux counts the peak anew")
def test_the_peak_is_what_a_step_holds_at_its_worst_moment():
    code = """if True:
        import torch, speed_families

        def step():
            torch.ones(2**20 * 8)  # 32 MiB, gone at once
            return torch.ones(2**20 * 4), torch.ones(2**20 * 2)  # 16 and 8 MiB, held together

        torch.ones(2**20 * 64)  # 256 MiB, before anything is watched
        print(speed_families.watched(step)[2])
    """  # in a process of its own, where nothing else is held
    there = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "bench", ROOT / "tests")))}
    run = subprocess.run([sys.executable, "-c", code], env=there, capture_output=True, text=True, check=True)
    assert 31 < float(run.stdout) < 34


def test_steps_take_turns_until_each_has_spent_its_share():
    calls, spent = [], {"slow": [1.0], "fast": [0.0]}
    speed.take_turns({key: lambda key=key: calls.append(key) for key in spent}, spent, 0.01)
    assert set(calls) == {"fast"}
    assert sum(spent["fast"]) >= 0.005
    assert len(spent["fast"]) == 1 + len(calls)


def test_an_error_of_a_gradient_counts_in_proportion_to_its_largest_entry():
    found = speed.errors((3.3, [torch.tensor([1.0, 0.1])]), (torch.tensor(3.0), [torch.tensor([1.0, 0.0])]))
    assert found == {"value": 3.3, "value_error": 0.1, "gradient_error": 0.1}
    slopes, right = torch.tensor([[1.0, 2e-6], [1.0, 2e-4]]).double(), torch.tensor([[1.0, 0], [1.0, 0]]).double()
    judged = accuracy.judge(slopes, right)
    assert (judged["outside"], judged["not_finite"]) == (1, 0)
    assert judged["worst"] == pytest.approx(2e-4, rel=0.01)


# The exact forms, against numbers that are worked out by hand.


def box(*corners):
    return list(map(mpf, corners))


WIDER = 4 / mp.pi**2 * (mp.atan(4) - mp.pi / 4) ** 2  # 8 x 2 beside 4 x 4


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (exact.tversky([mpf(60), mpf(60), mpf(60), mpf(-60), mpf(60), mpf(60)], [1, 1, 1, 1, 0, 0]), mpf(3) / 9),
        (exact.tversky([mpf(0), mpf(0)], [1, 0], alpha=0.25, beta=0.5), mpf(3) / 7),
        (exact.tversky([mpf(0), mpf(0)], [1, 0], alpha=1, beta=1, gamma=0.5), mp.sqrt(mpf(2) / 3)),
        (exact.lovasz([mpf(3), mpf(1), mpf(2)], [1, 0, 0]), 3),  # once the object is wrong, nothing is left to lose
        (exact.lovasz([mpf(1), mpf(3), mpf(2)], [1, 0, 0]), mpf(3) / 2 + mpf(2) / 6 + mpf(1) / 3),
        (exact.lovasz([mpf(-1), mpf(3), mpf(2)], [1, 0, 0]), mpf(3) / 2 + mpf(2) / 6),
        (exact.iou(box(0, 0, 1, 1), box(3, 0, 4, 1))[0], 1),
        (exact.giou(box(0, 0, 1, 1), box(3, 0, 4, 1)), mpf(3) / 2),
        (exact.diou(box(0, 0, 1, 1), box(3, 0, 4, 1)), 1 + mpf(9) / 17),
        (exact.ciou(box(0, 0, 8, 2), box(0, 0, 4, 4)),
         mpf(2) / 3 + mpf(5) / 80 + WIDER**2 / (mpf(2) / 3 + WIDER)),
        (exact.shape(box(0, 0, 1, 1), box(0, 0, mp.sqrt(3), 1)), 4 / mp.pi**2 * (mp.pi / 12) ** 2),
        (exact.chamfer([[0], [1]], [[0], [0], [3]]), mpf(1) / 2 + mpf(4) / 3),
        (exact.emd([[0], [1]], [[3], [1]]), mpf(3) / 2),
        (exact.sinkhorn([[0], [1]], [[0], [1]], reg=0.5), 1 / (1 + mp.exp(2))),
        (exact.divergence([[0]], [[3]], blur=0.5), mpf(9) / 2),
        (exact.divergence([[0], [1]], [[1], [0]], blur=0.5), 0),
        (exact.triplet([mpf(0), mpf(0)], [[3, 4], [6, 8]], margin=7), 2),
        (exact.angular([[2, 0], [0, 3], [-1, 0]], [0, 0, 1], angle=45), mp.log(1 + mp.exp(-4))),
        (exact.arcface([mp.cos(mpf(1)), mpf(0)], 0, margin=0.5, scale=2), mp.log(1 + mp.exp(-2 * mp.cos(mpf("1.5"))))),
        (exact.list_net([mpf(0), mp.log(3)], [0, mp.log(4)]), -(mp.log(mpf(1) / 4) + 4 * mp.log(mpf(3) / 4)) / 5),
        (exact.preference([mp.log(3)], None), mp.log(mpf(4) / 3)),
        (exact.ctc([[mpf(0), mpf(0)]] * 3, [1]), -mp.log(mpf(6) / 8)),
        (exact.ctc([[mp.log(2), mpf(0)], [mpf(0), mpf(0)], [mpf(0), mpf(0)]], [1, 1]), -mp.log(mpf(1) / 12)),
        (exact.gaussian_kl([mpf(1), mpf(-1)], None), (1 + mp.exp(-1)) / 2),
        (exact.ppo([mp.log(mpf(3) / 2)], 2), -mpf(12) / 5),
        (exact.ppo([mp.log(mpf(3) / 2)], -2), 3),
        (exact.policy_gradient([mpf(0), mp.log(3)], 2), 2 * mp.log(4)),
        (exact.entropy([mpf(0), mp.log(3)], None), mp.log(4) - mpf(3) / 4 * mp.log(3)),
    ],
)
def test_the_exact_forms_give_what_a_hand_works_out(found, wanted):
    assert abs(found - wanted) < mpf(10) ** -15


def test_supervised_contrastive_loss_of_three_directions():
    log = mp.log(1 + mp.exp(-1))  # the first two alike, at right angles; the third opposite to the first
    wanted = (log - 0 + mp.log(2)) / 2
    assert abs(exact.sup_con([[1, 0], [0, 2], [-3, 0]], [0, 0, 1], temperature=1) - wanted) < mpf(10) ** -15
