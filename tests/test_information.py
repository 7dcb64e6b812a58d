"""Information, entropy and divergence: their values, their laws and their errors."""

import math

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from lossbook import information

BAG = [0.8, 0.1, 0.1]
BELIEF = [0.2, 0.2, 0.6]
UNEVEN = [0.5, 0.3, 0.15, 0.05]


@st.composite
def distributions(draw, count=1, smallest=0.0):
    """Draw ``count`` distributions over the same 2 to 6 outcomes."""
    size = draw(st.integers(2, 6))
    parts = st.lists(st.floats(smallest, 1), min_size=size, max_size=size).filter(lambda row: sum(row) > 0.01)
    rows = [np.array(draw(parts)) for _ in range(count)]
    return [row / row.sum() for row in rows]


def test_information_is_the_log_of_one_over_p():
    assert information.information_content(0.3) == pytest.approx(math.log(1 / 0.3))
    assert_allclose(information.information_content([0.5, 0.1], base=10), [math.log10(2), 1])


def test_information_of_the_certain_is_0_and_of_the_impossible_infinite():
    assert_array_equal(information.information_content([1, 0]), [0, math.inf])
    assert math.copysign(1, information.information_content(1.0)) == 1


@hypothesis.given(st.floats(1e-100, 1), st.floats(1e-100, 1))
def test_information_of_independent_events_adds(p, q):
    both = information.information_content(p * q)
    assert both == pytest.approx(information.information_content(p) + information.information_content(q),
    abs=1e-9)


def test_entropy_of_coin_die_and_bag():
    assert information.entropy([0.5, 0.5]) == pytest.approx(math.log(2))
    assert information.entropy([1 / 6] * 6) == pytest.approx(math.log(6))
    assert information.entropy([1 / 6] * 6, base=2) == pytest.approx(math.log2(6))
    assert information.entropy(BAG) == pytest.approx(-0.8 * math.log(0.8) - 0.2 * math.log(0.1))


def test_entropy_of_a_certain_outcome_is_positive_zero():
    assert math.copysign(1, information.entropy([1.0])) == 1
    assert information.entropy([0, 1, 0]) == 0


@hypothesis.given(distributions())
def test_uniform_has_the_largest_entropy(rows):
    assert -1e-12 <= information.entropy(rows[0]) <= math.log(len(rows[0])) + 1e-12


def test_cross_entropy_and_kl_of_the_bag():
    terms = [0.8 * math.log(1 / 0.2), 0.1 * math.log(1 / 0.2), 0.1 * math.log(1 / 0.6)]
    assert information.cross_entropy(BAG, BELIEF) == pytest.approx(sum(terms))
    assert information.cross_entropy(BAG, BELIEF, base=2) == pytest.approx(sum(terms) / math.log(2))
    expected = 0.8 * math.log(4) + 0.1 * math.log(0.5) + 0.1 * math.log(1 / 6)
    assert information.kl_divergence(BAG, BELIEF) == pytest.approx(expected)
    assert information.kl_divergence(BAG, BELIEF, base=3) == pytest.approx(expected / math.log(3))


@hypothesis.given(distributions(2))
def test_cross_entropy_is_entropy_plus_divergence(rows):
    p, q = rows
    total = information.entropy(p) + information.kl_divergence(p, q)
    assert information.cross_entropy(p, q) == pytest.approx(total, abs=1e-9)


@hypothesis.given(distributions(2, smallest=1e-3))
def test_divergence_is_not_negative_and_0_only_at_equality(rows):
    p, q = rows
    assert information.kl_divergence(p, p) == 0
    assert information.kl_divergence(p, q) >= 0.5 * np.abs(p - q).sum() ** 2 - 1e-12  # Pinsker's inequality


def test_divergence_is_infinite_where_q_misses_support_and_only_there():
    assert information.kl_divergence([0.5, 0.5], [1, 0]) == math.inf
    assert information.cross_entropy([0.5, 0.5], [1, 0]) == math.inf
    assert information.kl_divergence([1, 0], [0.5, 0.5]) == pytest.approx(math.log(2))
    assert information.kl_divergence([1, 0], [1, 0]) == 0


def test_divergence_is_not_symmetric():
    assert information.kl_divergence(BAG, BELIEF) != pytest.approx(information.kl_divergence(BELIEF, BAG),
    abs=0.01)


@hypothesis.given(distributions(2))
def test_jensen_shannon_is_symmetric_and_at_most_log_2(rows):
    p, q = rows
    js = information.js_divergence(p, q)
    assert js == pytest.approx(information.js_divergence(q, p), abs=1e-12)
    assert -1e-12 <= js <= math.log(2) + 1e-12


def test_no_uncertainty_is_0_and_not_minus_0():
    assert str(information.entropy([1.0])) == "0.0"
    assert str(information.cross_entropy([1.0], [1.0])) == "0.0"


def test_jensen_shannon_is_finite_for_the_smallest_probability_there_is():
    assert information.js_divergence([1, 0], [1, 5e-324]) == 0
    assert information.js_divergence([1, 0], [1, 0]) == 0


def test_jensen_shannon_is_its_formula():
    m = [(a + b) / 2 for a, b in zip(BAG, BELIEF, strict=True)]
    halves = [sum(a * math.log(a / c, 2) for a, c in zip(p, m, strict=True)) / 2 for p in (BAG, BELIEF)]
    assert information.js_divergence(BAG, BELIEF, base=2) == pytest.approx(sum(halves))


def test_perplexity_counts_equally_likely_outcomes():
    assert information.perplexity([0.2] * 5) == pytest.approx(5)
    assert information.perplexity(BAG) == pytest.approx(math.exp(information.entropy(BAG)))
    assert information.perplexity(BAG, BELIEF) == pytest.approx(2 ** information.cross_entropy(BAG, BELIEF,
    base=2))


def test_the_last_axis_is_the_distributions():
    p, q = np.array([[BAG, BELIEF]] * 4), np.array([[BELIEF, BAG]] * 4)
    for measure in (information.cross_entropy, information.kl_divergence, information.js_divergence,
                    information.perplexity):
        found = measure(p, q)
        assert found.shape == (4, 2)
        assert_allclose(found, [[measure(BAG, BELIEF), measure(BELIEF, BAG)]] * 4)
    assert_allclose(information.entropy(p)[2], [information.entropy(BAG), information.entropy(BELIEF)])
    assert_allclose(information.perplexity(p)[2], [information.perplexity(BAG),
    information.perplexity(BELIEF)])


def test_one_distribution_gives_a_python_float():
    found = [information.information_content(0.5), information.entropy(BAG), information.cross_entropy(BAG,
    BELIEF),
             information.kl_divergence(BAG, BELIEF), information.js_divergence(BAG, BELIEF),
             information.perplexity(BAG)]
    assert {type(value) for value in found} == {float}


@hypothesis.given(distributions(smallest=1e-6))
def test_huffman_code_is_prefix_free_and_within_one_bit_of_entropy(rows):
    p = dict(enumerate(rows[0].tolist()))
    words = information.huffman_code(p)
    h = information.entropy(rows[0], base=2)
    length = sum(p[symbol] * len(word) for symbol, word in words.items())
    assert h - 1e-9 <= length < h + 1
    assert sum(2.0 ** -len(word) for word in words.values()) == 1  # Kraft's sum of a full code
    assert not any(a != b and words[b].startswith(words[a]) for a in words for b in words)


@hypothesis.given(distributions(smallest=1e-6))
def test_huffman_gives_no_likelier_symbol_a_longer_word(rows):
    p = dict(enumerate(rows[0].tolist()))
    words = information.huffman_code(p)
    assert all(len(words[a]) <= len(words[b]) for a in p for b in p if p[a] > p[b])


def test_huffman_meets_entropy_where_probabilities_are_powers_of_two():
    words = information.huffman_code({"a": 0.5, "b": 0.25, "c": 0.125, "d": 0.125})
    assert words == {"a": "0", "b": "10", "c": "110", "d": "111"}


def test_huffman_breaks_ties_by_order_and_keeps_the_order_of_the_symbols():
    words = information.huffman_code({"d": 0.25, "a": 0.25, "c": 0.25, "b": 0.25})
    assert list(words.items()) == [("d", "00"), ("a", "01"), ("c", "10"), ("b", "11")]
    assert information.huffman_code({"b": 0.2, "a": 0.8}) == {"b": "1", "a": "0"}


def test_huffman_gives_a_single_symbol_the_empty_word():
    assert information.huffman_code({"only": 1.0}) == {"only": ""}


def test_huffman_symbols_need_no_order_of_their_own():
    assert information.huffman_code({None: 0.5, ("a", 1): 0.5}) == {None: "0", ("a", 1): "1"}


def test_huffman_rejects_what_never_occurs_and_what_does_not_sum_to_1():
    with pytest.raises(ValueError, match=r"every probability in p must be above 0, got 0\.0"):
        information.huffman_code({"a": 1.0, "b": 0.0})
    with pytest.raises(ValueError, match=r"p must sum to 1 over its last axis, got 0\.9"):
        information.huffman_code({"a": 0.5, "b": 0.4})
    with pytest.raises(ValueError, match=r"p must have shape \(\.\.\., K\)"):
        information.huffman_code({})


SINGLE = [information.entropy, information.perplexity]
PAIR = [information.cross_entropy, information.kl_divergence, information.js_divergence,
information.perplexity]


@pytest.mark.parametrize("measure", SINGLE)
@pytest.mark.parametrize(("bad", "message"), [
    ([0.5, 0.4], r"p must sum to 1 over its last axis, got 0\.9"),
    ([[0.5, 0.5], [0.7, 0.4]], r"p must sum to 1 over its last axis, got 1\.1"),
    ([1.5, -0.5], r"every entry of p must be in \[0, 1\], got 1\.5"),
    ([-0.5, 0.5], r"every entry of p must be in \[0, 1\], got -0\.5"),
    ([math.nan, 1.0], r"every entry of p must be in \[0, 1\], got nan"),
    (1.0, r"p must have shape \(\.\.\., K\), its last axis the outcomes, got \(\)"),
    ([], r"p must have shape \(\.\.\., K\), its last axis the outcomes, got \(0,\)"),
], ids=str)
def test_what_is_no_distribution_is_an_error(measure, bad, message):
    with pytest.raises(ValueError, match=message):
        measure(bad)


@pytest.mark.parametrize("measure", PAIR)
def test_both_arguments_are_checked(measure):
    with pytest.raises(ValueError, match="p must sum to 1"):
        measure([0.5, 0.4], [0.5, 0.5])
    with pytest.raises(ValueError, match="q must sum to 1"):
        measure([0.5, 0.5], [0.5, 0.4])
    with pytest.raises(ValueError, match=r"q must have the shape of p \(2,\), got \(3,\)"):
        measure([0.5, 0.5], [0.5, 0.4, 0.1])
    with pytest.raises(TypeError, match="q must hold real numbers, got dtype complex128"):
        measure([0.5, 0.5], [0.5 + 0j, 0.5])


@pytest.mark.parametrize("bad", [["0.5", "0.5"], [True, False], [0.5 + 0j, 0.5]], ids=str)
def test_probabilities_must_be_real_numbers(bad):
    with pytest.raises(TypeError, match="p must hold real numbers, got dtype"):
        information.entropy(bad)
    with pytest.raises(TypeError, match="p must hold real numbers, got dtype"):
        information.information_content(bad)


@pytest.mark.parametrize("bad", [1.01, -0.01, math.nan], ids=str)
def test_information_wants_a_probability(bad):
    with pytest.raises(ValueError, match=rf"every entry of p must be in \[0, 1\], got {bad}"):
        information.information_content([0.5, bad])


def test_a_base_below_1_turns_the_sign():
    assert information.entropy([0.75, 0.25], base=0.5) == pytest.approx(-information.entropy([0.75, 0.25], base=2))


@pytest.mark.parametrize("bad", [0, 1, -2, math.inf, math.nan], ids=str)
def test_base_must_be_a_base(bad):
    message = "base must not be 1" if bad == 1 else rf"base must be in \(0, inf\), got {bad}"
    for measure in (information.information_content, information.entropy):
        with pytest.raises(ValueError, match=message):
            measure([0.5, 0.5], base=bad)
    for measure in PAIR[:3]:
        with pytest.raises(ValueError, match=message):
            measure([0.5, 0.5], [0.4, 0.6], base=bad)


def test_a_sum_that_is_1_in_float32_passes():
    p = np.full(7, 1 / 7, dtype=np.float32)
    assert information.entropy(p) == pytest.approx(math.log(7), rel=1e-6)
    with pytest.raises(ValueError, match="must sum to 1"):
        information.entropy([0.5, 0.49997])


# The laws, for whatever is accepted: sums that miss 1 by rounding, and pairs that are nearly equal.

LAWS = hypothesis.settings(max_examples=200)


@st.composite
def close_pairs(draw):
    """Draw two rows of float32 softmax that are nearly equal, as two models after similar training."""
    logits = np.array(draw(st.lists(st.floats(-20, 20, width=32), min_size=2, max_size=6)), dtype=np.float32)
    nudge = np.array(draw(st.lists(st.floats(-1, 1), min_size=len(logits), max_size=len(logits))))
    size = draw(st.sampled_from([0, 1e-8, 1e-6, 1e-4, 1e-2, 1]))
    rows = [torch.tensor(z, dtype=torch.float32).softmax(0).numpy() for z in (logits, logits + size * nudge)]
    return [row * np.float32(1 + draw(st.sampled_from([0, 4e-6, -4e-6]))) for row in rows]


@LAWS
@hypothesis.given(st.one_of(close_pairs(), distributions(2)), st.sampled_from([math.e, 2, 10]))
def test_divergences_are_never_below_0_nor_jensen_shannon_above_log_2(rows, base):
    p, q = rows
    hypothesis.assume(max(p.max(), q.max()) <= 1)
    assert information.kl_divergence(p, q, base=base) >= 0
    assert 0 <= information.js_divergence(p, q, base=base) <= math.log(2) / math.log(base)
    assert information.kl_divergence(p, p, base=base) == information.js_divergence(q, q, base=base) == 0


@LAWS
@hypothesis.given(st.one_of(close_pairs(), distributions(2)))
def test_entropy_and_perplexity_keep_their_bounds(rows):
    p, q = rows
    hypothesis.assume(max(p.max(), q.max()) <= 1)
    assert 0 <= information.entropy(p) <= math.log(len(p)) * (1 + 1e-15)
    assert 1 <= information.perplexity(p) <= len(p) * (1 + 1e-14)
    assert information.cross_entropy(p, q) >= information.entropy(p) - 1e-15


def test_a_sum_that_misses_1_by_rounding_is_made_1():
    for measure in (information.kl_divergence, information.js_divergence):
        assert measure([0.5, 0.5], [0.5, 0.500009]) == pytest.approx(
            measure([0.5, 0.5], [0.5 / 1.000009, 0.500009 / 1.000009]), abs=1e-15)
    assert information.kl_divergence([0.5, 0.5], [0.5, 0.500009]) >= 0
    p, q = torch.randn(2, 5000, 10, generator=torch.Generator().manual_seed(0)).mul(1e-4).softmax(-1)
    assert bool((information.kl_divergence(p, q) >= 0).all())


def test_without_a_common_outcome_jensen_shannon_is_log_2_and_no_more():
    for q in ([0, 0.6, 0.4], [0, 3 / 8, 5 / 8], [0, 0.5, 0.5]):
        js = information.js_divergence([1, 0, 0], q)
        assert math.log(2) * (1 - 1e-15) <= js <= math.log(2)


def test_a_base_below_1_turns_the_sign_of_a_divergence_too():
    p, q = BAG, BELIEF
    for measure in (information.kl_divergence, information.js_divergence):
        assert measure(p, q, base=0.5) == pytest.approx(-measure(p, q, base=2))


EXTREME = [[1.0, 0.0], [1e-320, 1.0], [0.0, 1.0], [0.5, 0.5], [5e-324, 1.0]]


@pytest.mark.parametrize("measure", [information.entropy, information.information_content, information.perplexity,
                                     information.cross_entropy, information.kl_divergence, information.js_divergence])
def test_one_distribution_and_a_batch_of_it_agree(measure):
    takes_two = measure not in {information.entropy, information.information_content}
    for p in EXTREME:
        for q in EXTREME if takes_two else [None]:
            rows = [p] if q is None else [p, q]
            assert_array_equal(measure(*[[row] for row in rows]), np.asarray([measure(*rows)]))


def test_a_perplexity_that_overflows_is_infinite():
    assert information.perplexity([1, 0], [1e-320, 1]) == math.inf
    assert information.perplexity([1, 0], [1e-300, 1]) == pytest.approx(1e300)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_tensors_of_every_precision_are_distributions_with_or_without_a_gradient(dtype):
    p, q = torch.randn(2, 3, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64).softmax(-1)
    exact = information.kl_divergence(p.numpy(), q.numpy())
    found = information.kl_divergence(p.to(dtype, copy=True).requires_grad_(), q.to(dtype))
    assert type(found) is np.ndarray
    assert_allclose(found, exact, atol=4 * torch.finfo(dtype).eps)
    for array in (p.to(torch.float16).numpy(), p.float().numpy()):
        assert_allclose(information.entropy(array), information.entropy(p), atol=2e-3)


def test_the_rounding_of_half_precision_passes_and_more_does_not():
    assert information.entropy(torch.tensor([0.5, 0.503], dtype=torch.bfloat16)) == pytest.approx(math.log(2), rel=0.01)
    with pytest.raises(ValueError, match=r"p must sum to 1"):
        information.entropy(torch.tensor([0.5, 0.503]))
    with pytest.raises(ValueError, match=r"p must sum to 1"):
        information.entropy(torch.tensor([0.5, 0.6], dtype=torch.bfloat16))


@pytest.mark.parametrize("bad", [[0.5, 0.5], "ab", None, 0.5], ids=str)
def test_a_code_is_for_named_symbols(bad):
    with pytest.raises(TypeError, match="p must be a mapping from symbols to probabilities, got "):
        information.huffman_code(bad)
