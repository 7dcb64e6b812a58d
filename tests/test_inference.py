"""The statements over many data sets: each against a worked value, scipy or the definition."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import lossbook
from lossbook.metrics import confidence_interval

sys.path.insert(0, str(Path(lossbook.__file__).parents[1] / "bench"))
import inference


def test_holm_multiplies_by_the_number_of_tests_that_are_left():
    assert inference.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert inference.holm([0.5, 0.9]) == [1.0, 1.0]


def test_the_critical_difference_is_that_of_the_table_of_demsar():
    """q at 0.05 is 2.343 for three classifiers, and 3.164 for ten."""
    for methods, q in ((3, 2.343), (10, 3.164)):
        ours = inference.critical_difference(methods, 20)
        assert ours == pytest.approx(q * math.sqrt(methods * (methods + 1) / 120), rel=1e-3)


def test_ranks_begin_with_the_best_and_ties_share():
    assert inference.mean_ranks(np.array([[0.9, 0.5, 0.5], [0.1, 0.3, 0.2]])).tolist() == [2.0, 1.75, 2.25]


def test_the_test_of_wilcoxon_counts_zeros_for_both_sides():
    d = np.array([0.0, 0.1, 0.2, 0.3, -0.05, 0.4])
    assert inference.wilcoxon(d) == inference.wilcoxon(-d)
    assert inference.wilcoxon(d) > stats.wilcoxon(d[1:], method="asymptotic").pvalue


@pytest.mark.parametrize("sign", [1, -1])
def test_one_set_against_half_a_set_of_prior_is_worked_by_hand(sign):
    """The weight of the prior is of Beta(1/2, 1), and the side wins while its square is below one half."""
    worse, equal, better = inference.signed_rank([sign * 1.0], rope=0.1, draws=200_000)
    assert (better if sign > 0 else worse) == pytest.approx(math.sqrt(math.sqrt(0.5)), abs=0.004)
    assert worse + equal + better == pytest.approx(1.0)


def test_differences_inside_the_rope_are_practically_equal():
    assert inference.signed_rank(np.full(30, 0.004), rope=0.01) == (0.0, 1.0, 0.0)
    assert inference.signed_rank(np.full(30, 0.02), rope=0.01)[2] > 0.99


@pytest.mark.parametrize(("effect", "n"), [(1.0, 10), (0.5, 34), (0.2, 199)])
def test_the_power_of_the_t_test_is_that_of_its_tables(effect, n):
    assert inference.needed(effect) == n
    assert inference.power(effect, n - 1) < 0.8 <= inference.power(effect, n)
    drawn = np.random.default_rng(0).standard_normal((20_000, n)) + effect
    seen = (stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05).mean()
    assert inference.power(effect, n) == pytest.approx(seen, abs=0.01)


def test_without_overlap_and_for_one_test_the_interval_is_the_usual_one():
    d = np.random.default_rng(1).standard_normal(12)
    half = inference.corrected_half(d, overlap=0)
    assert half == pytest.approx(d.mean() - confidence_interval(d).low)
    assert inference.corrected_half(d, overlap=1 / 4) == pytest.approx(half * math.sqrt((1 / 12 + 1 / 4) * 12))
    assert inference.corrected_half(d, overlap=0, tests=20) > half


def test_a_family_has_one_vote():
    facts = {"glass0": {"family": "glass"}, "glass1": {"family": "glass"}, "pima": {"family": "pima"}}
    assert inference.by_family({"glass0": 0.1, "glass1": 0.3, "pima": 0.0}, facts).tolist() == [0.2, 0.0]
