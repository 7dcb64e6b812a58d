"""The judges of Part IV accept what is right, and name the property that is wrong."""

import re
from functools import partial

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, logsigmoid, one_hot

import lossbook
from lossbook import exercises

EVERYTHING = "right: shape, dtype, value, gradient and tail"


def adjust(logits, counts, tau):
    return logits - tau * torch.tensor(counts).log()


def divided(logits, counts, tau):
    pi = torch.tensor(counts) / sum(counts)
    return (logits.softmax(-1) / pi**tau).log()


@pytest.mark.parametrize(("answer", "said"), [
    (adjust, EVERYTHING),
    (lambda z, n, tau: adjust(z, n, tau).log_softmax(-1), EVERYTHING),
    (divided, r"wrong tail, value: got \[0, -inf, -inf\], wanted \[0, -297\.9, -287\.9\]; for logits \[0, -300"),
    (lambda z, n, tau: adjust(z, n, -tau), r"wrong value: .*tau 1\.0; compared is the lead"),
    (lambda z, n, _: adjust(z, n, 1.0), r"wrong value: .*tau 0\.5"),
    (lambda z, n, tau: z - tau * torch.tensor(n), "wrong value: "),
    (lambda z, n, tau: z.sub_(tau * torch.tensor(n).log()), "wrong, it does not run: RuntimeError: a leaf Variable"),
    (lambda z, n, tau: adjust(z, n, tau).argmax(-1), r"wrong shape: got \(2,\), wanted \(2, 3\)"),
    (lambda z, n, tau: z - tau * torch.tensor(n).log().expand(2, 3), r"wrong shape: got \(2, 3\), wanted \(3,\)"),
    (lambda z, n, tau: adjust(z, n, tau).detach(), "wrong gradient: none reaches logits"),
    (lambda z, n, tau: adjust(z, n, tau).float(), "wrong dtype: got torch.float32, wanted torch.float64"),
    (lambda z, n, tau: adjust(z, n, tau).tolist(), "wrong type: got list"),
], ids=["right", "normalised", "divided", "added", "no strength", "no logarithm", "in place", "answer", "one alone",
        "detached", "float32", "list"])  # fmt: skip
def test_the_judge_of_the_log_prior_names_what_is_wrong(answer, said):
    assert re.match(said, exercises.adjust(answer))


def sampling_weights(labels, kappa):
    return labels.bincount()[labels].float() ** -kappa


@pytest.mark.parametrize(("answer", "said"), [
    (sampling_weights, "right: shape, dtype, value and tail"),
    (lambda y, kappa: 7 * sampling_weights(y, kappa).double(), "right: "),
    (lambda y, kappa: sampling_weights(y, kappa - 1), r"wrong value: .*kappa 1\.0; the weights are divided"),
    (lambda y, kappa: (y.bincount() + 1.0) ** -kappa, r"wrong shape: got \(6,\), wanted \(12,\)"),
    (lambda y, _: sampling_weights(y, 1.0), r"wrong value: .*kappa 0\.0"),
    (lambda y, kappa: 1 - kappa + kappa * sampling_weights(y, 1.0), r"wrong value: .*kappa 0\.5"),
    (lambda y, kappa: -sampling_weights(y, kappa), r"wrong value: got \[-0\."),
    (lambda y, kappa: (len(y) // y.bincount()[y]) ** kappa, "wrong value: "),
    (lambda y, kappa: (1 - y.bincount()[y] / len(y)) ** kappa, "wrong value: "),
    (lambda y, kappa: sampling_weights(y, kappa).clamp(min=1e-3), "wrong tail, value: "),
    (lambda y, kappa: sampling_weights(y, kappa).tolist(), "wrong type: got list"),
], ids=["right", "scaled", "shares", "one a class", "no strength", "mixed", "negative", "whole numbers", "one less",
        "clipped", "list"])  # fmt: skip
def test_the_judge_of_the_sampling_weights_names_what_is_wrong(answer, said):
    assert re.match(said, exercises.sampling_weights(answer))


def class_weights(n, method, beta=0.999):
    formulas = {"inverse": n.sum() / n, "balanced": n.sum() / (len(n) * n), "log": (n.sum() / n).log(),
                "effective": (1 - beta) / (1 - beta**n)}  # fmt: skip
    return formulas.get(method)


def changed(method, change):
    """The right weights but for those of one method."""
    return lambda n, asked, *beta: change(class_weights(n, asked, *beta)) if asked == method else \
        class_weights(n, asked, *beta)  # fmt: skip


@pytest.mark.parametrize(("answer", "said"), [
    (class_weights, "right: shape, dtype, value and tail"),
    (lambda n, *_: n.sum() / n, r"wrong value: .*method 'balanced', beta 0\.9"),
    (changed("inverse", lambda w: w / w.sum()), "wrong value: .*method 'inverse'"),
    (changed("log", lambda w: w / torch.tensor(2.0).log()), "wrong value: .*method 'log'"),
    (changed("effective", lambda w: w * len(w) / w.sum()), "wrong value: .*method 'effective'"),
    (lambda n, method, beta=0.99: class_weights(n, method, beta), r"wrong value: .*method 'effective'$"),
    (lambda n, method, beta: class_weights(n, method, beta), "wrong, it does not run: TypeError: .*'beta'"),
    (changed("log", lambda w: w.clamp(min=1e-3)), "wrong tail, value: .*method 'log'"),
    (changed("balanced", lambda w: w.double()), "wrong dtype: got torch.float64"),
    (changed("balanced", lambda w: w.mean()), r"wrong shape: got \(\), wanted \(4,\)"),
    (changed("sqrt", lambda _: 1.0), "wrong name: got float, wanted None; for method 'sqrt'"),
    (changed("sqrt", lambda w: {}[w]), "wrong name: got KeyError, wanted None; for method 'sqrt'"),
], ids=["right", "without K", "sum 1", "base 2", "sum K", "other default", "no default", "clipped", "double", "mean",
        "every name", "raises"])  # fmt: skip
def test_the_judge_of_the_class_weights_names_what_is_wrong(answer, said):
    assert re.match(said, exercises.class_weights(answer))


def focal(logits, target, gamma):
    signed = (2 * target - 1) * logits
    return -torch.exp(gamma * logsigmoid(-signed)) * logsigmoid(signed)


def naive_focal(logits, target, gamma):
    p_t = torch.where(target == 1, logits.sigmoid(), 1 - logits.sigmoid())
    return -((1 - p_t) ** gamma) * p_t.log()


def constant_factor(logits, target, gamma):
    each = focal(logits, target, 0.0)
    return (1 - torch.exp(-each.detach())) ** gamma * each


def by_cross_entropy(logits, target, gamma):
    each = binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (1 - torch.exp(-each)) ** gamma * each


@pytest.mark.parametrize(("answer", "said"), [
    (focal, EVERYTHING),
    (naive_focal, "wrong tail, value: got .*inf"),
    (by_cross_entropy, r"wrong tail, gradient with respect to logits: got .*nan"),
    (constant_factor, "wrong gradient with respect to logits: "),
    (lambda z, y, gamma: focal(z, y, gamma).mean(), r"wrong shape: got \(\), wanted \(2, 3\)"),
    (lambda z, y, _: focal(z, y, 2.0), r"wrong value: .*gamma 0\.0"),
    (lambda z, y, gamma: 0.25 * focal(z, y, gamma), r"wrong value: .*gamma 2\.0"),
    (lambda z, y, gamma: focal(-z, y, gamma), "wrong value: "),
    (lambda z, y, gamma: focal(z.sigmoid(), y, gamma), "wrong value: "),
    (lambda z, y, gamma: focal(z, y, gamma).detach(), "wrong gradient: none reaches logits"),
    (lambda z, y, gamma: focal(z.float(), y, gamma).float(), "wrong dtype: got torch.float32, wanted torch.float64"),
], ids=["right", "naive", "power of 0", "constant factor", "mean", "gamma 2", "alpha", "sign", "sigmoid twice",
        "detached", "float32"])  # fmt: skip
def test_the_judge_of_the_focal_loss_names_what_is_wrong(answer, said):
    assert re.match(said, exercises.focal(answer))


def class_balanced(logits, target, counts, method="effective", gamma=2.0, reduction="none"):
    weight = lossbook.class_weights(counts, method=method)
    weight = weight / weight.mean()
    return lossbook.softmax_focal_loss(logits, target, gamma=gamma, weight=weight, reduction=reduction)


def weights_as_they_are(logits, target, counts):
    weight = lossbook.class_weights(counts, method="effective")
    return lossbook.softmax_focal_loss(logits, target, weight=weight, reduction="none")


def divided_by_the_batch(logits, target, counts):
    each = class_balanced(logits, target, counts)
    return len(each) * each / lossbook.class_weights(counts, method="effective")[target].sum()


def by_softmax(logits, target, counts):
    p = logits.softmax(1)[range(len(target)), target]
    weight = lossbook.class_weights(counts, method="effective")
    return -(weight / weight.mean())[target] * (1 - p) ** 2 * p.log()


@pytest.mark.parametrize(("answer", "said"), [
    (class_balanced, EVERYTHING),
    (weights_as_they_are, "wrong value: "),
    (divided_by_the_batch, "wrong value: "),
    (partial(class_balanced, method="balanced"), "wrong value: "),
    (partial(class_balanced, gamma=0.0), "wrong value: "),
    (lambda z, y, n: class_balanced(z, y, n[::-1]), "wrong value: "),
    (partial(class_balanced, reduction="mean"), r"wrong shape: got \(\), wanted \(3,\)"),
    (lambda z, y, n: class_balanced(z.detach(), y, n), "wrong gradient: none reaches logits"),
    (by_softmax, "wrong tail, value: got .*(inf|nan)"),
], ids=["right", "not scaled", "of the batch", "balanced", "cross-entropy", "turned round", "mean", "detached",
        "by softmax"])  # fmt: skip
def test_the_judge_of_the_class_balanced_focal_loss_names_what_is_wrong(answer, said):
    assert re.match(said, exercises.class_balanced_focal(answer))


def asymmetric(logits, target, gamma_pos, gamma_neg, margin):
    log_p, log_q = logsigmoid(logits), logsigmoid(-logits)
    p_m = (log_p.exp() - margin).clamp(min=0)
    log_rest = torch.logaddexp(log_q, torch.tensor(margin).log()).clamp(max=0)
    positive = -torch.exp(gamma_pos * log_q) * log_p
    return torch.where(target == 1, positive, -(p_m**gamma_neg) * log_rest)


def naive_asymmetric(logits, target, gamma_pos, gamma_neg, margin):
    p = logits.sigmoid()
    p_m = (p - margin).clamp(min=0)
    return torch.where(target == 1, -((1 - p) ** gamma_pos) * p.log(), -(p_m**gamma_neg) * (1 - p_m).log())


def frozen(logits, target, gamma_pos, gamma_neg, margin):
    with torch.no_grad():
        p_m = (logits.sigmoid() - margin).clamp(min=0)
        factor = torch.where(target == 1, logits.neg().sigmoid() ** gamma_pos, p_m**gamma_neg)
    return factor * asymmetric(logits, target, 0.0, 0.0, margin)


@pytest.mark.parametrize(("answer", "said"), [
    (asymmetric, EVERYTHING),
    (naive_asymmetric, "wrong tail, value: got .*inf.*target .1, 1, 1, 1"),
    (frozen, "wrong gradient with respect to logits: "),
    (lambda z, y, g_pos, g_neg, m: asymmetric(z, y, g_neg, g_pos, m), "wrong value: "),
    (lambda z, y, g_pos, g_neg, _: asymmetric(z, y, g_pos, g_neg, 0.05), r"wrong value: .*margin 0\.1"),
    (lambda z, y, g_pos, g_neg, m: asymmetric(z, 1 - y, g_pos, g_neg, m), "wrong value: "),
    (lambda z, y, *options: asymmetric(z, y, *options).sum(), r"wrong shape: got \(\), wanted \(2, 3\)"),
    (lambda z, y, *options: asymmetric(z, y, *options).detach(), "wrong gradient: none reaches logits"),
    (lambda z, y, *options: asymmetric(z, y, *options).float(), "wrong dtype: "),
], ids=["right", "naive", "constant factor", "gammas swapped", "margin 0.05", "sides swapped", "sum", "detached",
        "float32"])  # fmt: skip
def test_the_judge_of_the_asymmetric_loss_names_what_is_wrong(answer, said):
    assert re.match(said, exercises.asymmetric(answer))


def next_gamma(gamma_neg, logits, target, sign=1):
    p = logits.detach().sigmoid()
    gap = p[target == 1].mean() - (1 - p)[target == 0].mean()
    return max(0.0, gamma_neg + sign * 0.1 * (0.1 - float(gap)))


def of_no(gamma_neg, logits, target):
    p = logits.sigmoid()
    return gamma_neg + 0.1 * (0.1 - (p[target == 1].mean() - p[target == 0].mean()))


def over_all(gamma_neg, logits, target):
    p_t = torch.where(target == 1, logits.sigmoid(), 1 - logits.sigmoid())
    return gamma_neg + 0.1 * (0.1 - ((p_t * target).mean() - (p_t * (1 - target)).mean()))


def by_exponentials(gamma_neg, logits, target):
    p = logits.exp() / (1 + logits.exp())
    gap = p[target == 1].mean() - (1 - p)[target == 0].mean()
    return (gamma_neg + 0.1 * (0.1 - gap)).clamp(min=0)


@pytest.mark.parametrize(("answer", "said"), [
    (next_gamma, "right: shape, dtype, value and tail"),
    (lambda gamma, z, y: torch.tensor(next_gamma(gamma, z, y)), "right: "),
    (partial(next_gamma, sign=-1), r"wrong value: .*gamma_neg 2\.0"),
    (of_no, "wrong value: "),
    (over_all, "wrong value: "),
    (lambda _, z, y: next_gamma(0.0, z, y), "wrong value: "),
    (lambda gamma, z, y: gamma + 10 * (next_gamma(gamma, z, y) - gamma), "wrong value: "),
    (lambda gamma, z, y: next_gamma(gamma + 9, z, y) - 9, r"wrong value: got \[-\d.*gamma_neg 0\.0"),
    (lambda gamma, z, y: max(0.0, float(of_no(gamma, -z, 1 - y))), "wrong value: "),
    (lambda gamma, z, y: [next_gamma(gamma, z, y)], "wrong type: got list"),
    (by_exponentials, "wrong tail, value: got .nan"),
], ids=["right", "tensor", "as printed", "p of the negatives", "mean over all", "no memory", "step of 1", "below 0",
        "turned round", "list", "overflow"])  # fmt: skip
def test_the_judge_of_the_steered_gamma_names_what_is_wrong(answer, said):
    assert re.match(said, exercises.next_gamma(answer))


def logit_adjusted(logits, target, counts, tau, sign=1):
    adjusted = logits + sign * tau * (counts / counts.sum()).log()
    return cross_entropy(adjusted, target, reduction="none")


def by_hand(logits, target, counts, tau):
    q = (logits + tau * counts.log()).exp()
    return -(q[range(len(q)), target] / q.sum(1)).log()


def only_the_true_class(logits, target, counts, tau):
    return cross_entropy(logits + tau * counts.log() * one_hot(target, 3), target, reduction="none")


@pytest.mark.parametrize(("answer", "said"), [
    (logit_adjusted, EVERYTHING),
    (by_hand, "wrong tail, value: got .*(nan|inf)"),
    (partial(logit_adjusted, sign=-1), r"wrong value: .*tau 1\.0"),
    (lambda z, y, n, _: logit_adjusted(z, y, n, 1.0), r"wrong value: .*tau 1\.5"),
    (only_the_true_class, "wrong value: "),
    (lambda z, y, n, tau: cross_entropy(z, y, n**-tau, reduction="none"), "wrong value: "),
    (lambda z, y, n, tau: logit_adjusted(z, y, n, tau).mean(), r"wrong shape: got \(\), wanted \(2,\)"),
    (lambda z, y, n, tau: logit_adjusted(z.detach(), y, n, tau), "wrong gradient: none reaches logits"),
    (lambda z, y, n, tau: logit_adjusted(z, y, n, tau).float(), "wrong dtype: "),
], ids=["right", "by hand", "subtracted", "no strength", "true class only", "weights", "mean", "detached",
        "float32"])  # fmt: skip
def test_the_judge_of_the_logit_adjusted_loss_names_what_is_wrong(answer, said):
    assert re.match(said, exercises.logit_adjusted(answer))
