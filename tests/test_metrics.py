"""Calibration and confidence intervals."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import calibration_curve

from lossbook import metrics


def test_reliability_counts_and_averages_by_bin():
    found = metrics.reliability([0.05, 0.1, 0.62, 0.7, 0.7, 1.0], [0, 1, 1, 0, 1, 1], bins=4)
    assert_allclose(found.confidence, [0.075, (0.62 + 0.7 + 0.7) / 3, 1.0])
    assert_allclose(found.frequency, [1 / 2, 2 / 3, 1])
    assert_array_equal(found.size, [2, 3, 1])


def test_reliability_of_classes_takes_the_largest_probability():
    probs = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.55, 0.25]])
    found = metrics.reliability(probs, torch.tensor([0, 1, 1]), bins=1)
    assert_allclose(found.confidence, [(0.7 + 0.6 + 0.55) / 3], rtol=1e-6)
    assert_allclose(found.frequency, [2 / 3])


def test_the_upper_end_of_a_bin_belongs_to_it():
    found = metrics.reliability([0.28, 0.29], [0, 1], bins=100)
    assert_array_equal(found.frequency, [0, 1])
    for bins in (4, 7, 10, 15, 100):
        ends = [k / bins for k in range(1, bins + 1)]
        found = metrics.reliability(ends, np.zeros(bins), bins=bins)
        assert_array_equal(found.confidence, ends)
        above = metrics.reliability(np.nextafter(ends[:-1], 1), np.zeros(bins - 1), bins=bins)
        assert_allclose(above.confidence, ends[:-1])
        both = metrics.reliability([*ends[:-1], *np.nextafter(ends[:-1], 1)], np.zeros(2 * bins - 2), bins=bins)
        assert both.size.tolist() == [1, *[2] * (bins - 2), 1]


def test_0_belongs_to_the_first_bin_and_1_to_the_last():
    found = metrics.reliability([0.0, 0.05, 0.95, 1.0], [0, 0, 1, 1], bins=10)
    assert_array_equal(found.size, [2, 2])


def test_the_bins_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    p = np.concatenate([rng.random(500), np.arange(11) / 10])
    true = (rng.random(len(p)) < p).astype(int)
    frequency, confidence = calibration_curve(true, p, n_bins=5)
    found = metrics.reliability(p, true, bins=5)
    assert_allclose(found.frequency, frequency)
    assert_allclose(found.confidence, confidence)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_tensors_of_every_precision_are_judged_with_or_without_a_gradient(dtype):
    probs = torch.randn(40, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64).softmax(1)
    target = torch.arange(40) % 5
    found = metrics.expected_calibration_error(probs.to(dtype, copy=True).requires_grad_(), target, bins=3)
    exact = metrics.expected_calibration_error(probs.numpy(), target.numpy(), bins=3)
    assert found == pytest.approx(exact, abs=4 * torch.finfo(dtype).eps)


def test_calibration_error_weighs_bins_by_their_size():
    probs, target = [0.1, 0.1, 0.1, 0.9], [0, 0, 1, 0]
    expected = 3 / 4 * abs(1 / 3 - 0.1) + 1 / 4 * 0.9
    assert metrics.expected_calibration_error(probs, target, bins=10) == pytest.approx(expected)


def test_calibration_error_of_a_calibrated_model_shrinks_with_the_data():
    rng = np.random.default_rng(0)
    errors = []
    for n in (300, 300_000):
        p = rng.random(n)
        errors.append(metrics.expected_calibration_error(p, rng.random(n) < p))
    assert errors[1] < 0.005 < errors[0]


def test_calibration_has_15_bins_unless_told_otherwise():
    p = (np.arange(15) + 0.5) / 15
    assert len(metrics.reliability(p, np.zeros(15)).size) == 15
    assert metrics.expected_calibration_error(p, np.zeros(15)) == pytest.approx(p.mean())


@pytest.mark.parametrize(("probs", "target", "message"), [
    ([0.5, 0.5], [1], r"probs must have shape \(N,\) or \(N, K\) and target \(N,\), got \(2,\) and \(1,\)"),
    ([[[0.5]]], [1], r"got \(1, 1, 1\) and \(1,\)"),
    ([], [], r"got \(0,\) and \(0,\)"),
    ([1.2], [1], r"every entry of probs must be in \[0, 1\], got 1\.2"),
    ([-0.2], [1], r"every entry of probs must be in \[0, 1\], got -0\.2"),
    ([math.nan], [1], r"every entry of probs must be in \[0, 1\], got nan"),
    ([[0.5, 0.5], [0.5, 0.6]], [0, 1], r"every row of probs must sum to 1 over the classes, got 1\.1"),
    ([0.2, 0.3], [0, 2], r"every target must be a class from 0 to 1, got 2"),
    ([0.2, 0.3], [0.5, 1], r"every target must be a class from 0 to 1, got 0\.5"),
    ([[0.5, 0.5]], [-1], r"every target must be a class from 0 to 1, got -1"),
], ids=str)
def test_reliability_checks_its_arguments(probs, target, message):
    with pytest.raises(ValueError, match=message):
        metrics.reliability(probs, target)


def test_what_is_no_number_is_an_error():
    with pytest.raises(TypeError, match="target must hold real numbers, got dtype <U3"):
        metrics.reliability([0.5, 0.5], ["cat", "dog"])
    with pytest.raises(TypeError, match="probs must hold real numbers, got dtype complex128"):
        metrics.reliability([0.5j], [1])
    with pytest.raises(TypeError, match="values must hold real numbers, got dtype <U3"):
        metrics.confidence_interval(["0.1", "0.2"])
    with pytest.raises(ValueError, match="every value must be finite, got nan"):
        metrics.confidence_interval([0.5, math.nan])


def test_there_is_at_least_one_bin():
    with pytest.raises(ValueError, match=r"bins must be in \[1, inf\), got 0"):
        metrics.reliability([0.5], [1], bins=0)


def test_confidence_interval_is_students():
    x = [0.9, 0.94, 0.86, 0.95]
    half = 3.182446305284263 * np.std(x, ddof=1) / 2  # t at 0.975 and 3 degrees of freedom, from any table
    assert metrics.confidence_interval(x) == pytest.approx((np.mean(x), np.mean(x) - half, np.mean(x) + half))


def test_confidence_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    intervals = [metrics.confidence_interval(rng.normal(3, 2, 5), level=0.8) for _ in range(2000)]
    assert np.mean([low <= 3 <= high for _, low, high in intervals]) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("bad", [[0.5], 0.5, [[0.5, 0.6]]], ids=str)
def test_confidence_interval_wants_two_values(bad):
    with pytest.raises(ValueError, match=r"values must have shape \(n,\) with n of at least 2, got \("):
        metrics.confidence_interval(bad)


@pytest.mark.parametrize("bad", [0, 1, -0.5, 95])
def test_confidence_level_lies_between_0_and_1(bad):
    with pytest.raises(ValueError, match=rf"level must be in \(0, 1\), got {bad}"):
        metrics.confidence_interval([1, 2], level=bad)
