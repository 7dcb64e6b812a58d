"""The judges of the chapter on cross-entropy at scale accept what is right, and name what is wrong."""

import re
from functools import partial

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

import lossbook
from lossbook import exercises


def over_tokens(means, counts):
    return torch.where(counts > 0, means * counts, 0.0).sum() / counts.sum()


@pytest.mark.parametrize(("answer", "said"), [
    (over_tokens, "right: shape, dtype, value and tail"),
    (lambda means, _: means.mean(), r"wrong value: got \[3\], wanted \[3\.8\]"),
    (lambda means, counts: (means * counts).mean(), r"wrong value: got \[190\]"),
    (lambda means, counts: (means / counts).sum() / (1 / counts).sum(), r"wrong value: got \[2\.2\]"),
    (lambda means, counts: (means * counts).sum() / counts.sum(), r"wrong tail, value: got \[nan\]"),
    (lambda means, counts: (means * counts).nansum() / (counts.sum() + 1), "wrong value"),
    (lambda means, counts: means * counts / counts.sum(), r"wrong shape: got \(2,\), wanted \(\)"),
    (lambda means, counts: over_tokens(means, counts).item(), "wrong type: got float"),
], ids=["right", "of means", "of sums", "inverse", "NaN", "one too many", "not summed", "number"])  # fmt: skip
def test_mean_over_tokens_wants_one_denominator(answer, said):
    assert re.match(said, exercises.mean_over_tokens(answer))


def piece(features, weight, target):
    return cross_entropy(features @ weight.T, target, reduction="sum")


def looped(features, weight, target, chunk, piece=piece):
    parts = zip(features.split(chunk), target.split(chunk), strict=True)
    return sum(piece(x, weight, y) for x, y in parts) / len(target)


checkpointed = partial(looped, piece=partial(checkpoint, piece, use_reentrant=False))


def naive_piece(features, weight, target):
    return -(features @ weight.T).softmax(1).log()[range(len(target)), target].sum()


def of_means(features, weight, target, chunk):
    parts = list(zip(features.split(chunk), target.split(chunk), strict=True))
    return sum(cross_entropy(x @ weight.T, y) for x, y in parts) / len(parts)


def without_the_rest(features, weight, target, chunk):
    whole = len(features) // chunk * chunk
    return checkpointed(features[:whole], weight, target[:whole], chunk)


def in_the_forward_pass(features, weight, target, chunk):
    return lossbook.linear_cross_entropy(features, weight, target, chunk=chunk)


@pytest.mark.parametrize(("answer", "said"), [
    (checkpointed, "right: shape, dtype, value, gradient, tail and memory"),
    (in_the_forward_pass, "right: .* memory"),
    (looped, r"wrong memory: 1,\d{3} numbers are kept for the backward pass, a table has 1,200"),
    (lambda x, w, y, _: cross_entropy(x @ w.T, y), "wrong memory"),
    (of_means, r"wrong value: .*chunk 3"),
    (without_the_rest, r"wrong value: .*chunk 3"),
    (lambda x, w, y, chunk: len(y) * checkpointed(x, w, y, chunk), "wrong value"),
    (lambda x, w, y, chunk: checkpointed(x, w.detach(), y, chunk), "wrong gradient: none reaches weight"),
    (lambda x, w, y, chunk: checkpointed(x.detach(), w, y, chunk), "wrong gradient: none reaches features"),
    (partial(looped, piece=naive_piece), r"wrong tail, value: got \[inf\]"),
], ids=["right", "book", "loop", "whole", "of means", "no rest", "sum", "no W", "no x", "naive"])  # fmt: skip
def test_chunked_loss_wants_the_gradients_and_no_whole_table(answer, said):
    assert re.match(said, exercises.chunked_loss(answer))
