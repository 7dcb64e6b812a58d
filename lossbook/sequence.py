r"""A loss for sequences whose labels are known, but not when each of them is said.

Axis 0 is frames, axis 1 examples, as torch has it. Half precision is computed and returned in float32.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from lossbook import _checks
from lossbook._fast import sequence, with_backward


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
    *,
    blank: int = 0,
    reduction: str = "mean",
) -> Tensor:
    r"""Minus the log of the probability of a labelling, summed over all ways to spread it over the frames (CTC).

    With :math:`\log p_{tk}` = ``log_probs`` of one sequence, :math:`y` = ``targets``, its labels, and
    :math:`\mathcal{A}(y)` the alignments, one label or the ``blank`` for each of the T frames, that give y once
    repeats are merged and then blanks are dropped,

    .. math:: L = -\log \sum_{a \in \mathcal{A}(y)} \prod_{t=1}^{T} p_{t a_t}

    and the gradient with respect to :math:`\log p_{tk}` is :math:`-q_{tk}`, where :math:`q_{tk}` is the share of
    alignments, by probability, that say k in frame t. With respect to logits below a softmax it is
    :math:`p_{tk} - q_{tk}`. It is smallest where all of the probability lies on alignments of y, on one or on many: it
    does not say when a label begins. The sum is worked out frame by frame, in T (2U + 1) steps for U labels.

    Peers: torch's "mean" divides by the number of labels first; its gradient with respect to ``log_probs`` is that with
    respect to logits, and in float32 it has lost three or four digits after a few hundred frames, since it is the
    exponential of sums of that many logarithms. The sums are worked out in float64 here, in about twice the time. Both
    torch and optax go on where no alignment fits (infinite, or 0 with ``zero_infinity``; 1e5).

    Args:
        log_probs: log-probabilities of labels and blank, shape (T, N, C), C at least 2; take log_softmax first. Minus
            infinity is allowed. Frames beyond the length of a sequence are not looked at.
        targets: integer labels from 0 to C - 1 without ``blank``, shape (N, S). What stands beyond the length of a
            target is not looked at.
        input_lengths: frames of each sequence, from 1 to T, shape (N,): at least one for each label, and one more
            between two equal labels.
        target_lengths: labels of each sequence, from 0 to S, shape (N,).
        blank: which of the C is "no label".
        reduction: "none", "mean" (over sequences) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,). Infinite, with a gradient of 0, where every alignment has
        probability 0.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, probabilities do not sum to 1 in every frame, a label or length is outside
            its range, or a sequence has too few frames for its labels.

    Example:
        >>> log_probs = torch.full((3, 1, 2), 0.5).log()  # "a" in three frames has 6 alignments of 8
        >>> ctc_loss(log_probs, torch.tensor([[1]]), torch.tensor([3]), torch.tensor([1]))
        tensor(0.2877)

    References:
        Graves, Fernández, Gomez and Schmidhuber, 2006, ICML (DOI 10.1145/1143844.1143891).
    """
    log_p = _checks.floats("log_probs", log_probs)
    targets, frames, labels = _integers(log_p, targets, input_lengths, target_lengths)
    blank = _checks.integer("blank", blank, f"[0, {log_p.shape[2] - 1}]")
    visible = all(_checks.values_are_visible(part) for part in (log_p, targets, frames, labels))
    if visible:
        _check_values(log_p, targets, frames, labels, blank, slack=max(1e-3, 8 * torch.finfo(log_probs.dtype).eps))
    # A log-probability of hundreds leaves float32 few digits for its exponential, the share of an alignment.
    wide = log_p.double() if log_p.device.type != "mps" else log_p
    loss = _by_kernel if visible and log_p.numel() > 0 else _over_alignments  # the kernel wants something to look at
    each = loss(wide, targets, frames, labels, blank)
    return _checks.reduce(each.to(log_p.dtype), reduction)


FLOOR = -1e30  # the log of nothing: with minus infinity the derivative of a sum of nothings is NaN


def _over_alignments(
    log_p: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor, blank: int
) -> Tensor:
    # An alignment walks through the labels with a blank before, between and after them: 2U + 1 places.
    unused = torch.arange(targets.shape[1], device=targets.device) >= target_lengths.unsqueeze(1)
    targets = targets.masked_fill(unused, blank)
    places = pad(torch.stack([torch.full_like(targets, blank), targets], 2).flatten(1), (0, 1), value=blank)
    # It may stay, go on by one, or leave out a blank, if that does not stand between two equal labels.
    may_skip = (places != blank) & (places != places.roll(2, 1))
    over = (torch.arange(len(log_p), device=log_p.device).unsqueeze(1) >= input_lengths).unsqueeze(2)
    said = log_p.masked_fill(over, 0).clamp(min=FLOOR).gather(2, places.expand(len(log_p), -1, -1))
    # alpha: the log of the sum over all walks that have come to a place by now. A walk begins at one of the first two.
    alpha = torch.where(torch.arange(places.shape[1], device=places.device) < 2, said.select(0, 0), FLOOR)
    for now_said, is_over in zip(said[1:], over[1:], strict=True):
        by_one, by_two = (pad(alpha, (2, 0), value=FLOOR).narrow(1, at, alpha.shape[1]) for at in (1, 0))
        came = torch.stack([alpha, by_one, torch.where(may_skip, by_two, FLOOR)]).logsumexp(0)
        alpha = torch.where(is_over, alpha, came + now_said)
    # It ends with the last label or the blank after it.
    last = 2 * target_lengths.unsqueeze(1)
    at_blank, at_label = alpha.gather(1, last), alpha.gather(1, (last - 1).clamp(min=0))
    total = torch.cat([at_blank, torch.where(last > 0, at_label, FLOOR)], 1).logsumexp(1)
    return torch.where(total > FLOOR, -total, math.inf)


_by_kernel = with_backward(sequence.ctc, sequence.ctc_backward)(_over_alignments)


def _integers(
    log_p: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    if log_p.ndim != 3 or log_p.shape[0] == 0 or log_p.shape[2] < 2:
        raise ValueError(f"log_probs must have shape (T, N, C) with at least one frame and two classes, "
                         f"got {tuple(log_p.shape)}")
    _checks.tensor("targets", targets)
    n = log_p.shape[1]
    if targets.ndim != 2 or targets.shape[0] != n:
        raise ValueError(f"targets must have shape ({n}, S), a row for each sequence of log_probs, "
                         f"got {tuple(targets.shape)}")
    flat = _checks.labels("targets", targets.flatten(), targets.numel())
    lengths = _checks.labels("input_lengths", input_lengths, n), _checks.labels("target_lengths", target_lengths, n)
    return flat.view(targets.shape), *lengths


def _check_values(
    log_p: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor, blank: int, *, slack: float
) -> None:
    frames, classes, device = len(log_p), log_p.shape[2], log_p.device
    _checks.within(input_lengths, 1, frames, f"every input_length must be from 1 to {frames}, the frames of log_probs")
    longest = targets.shape[1]
    _checks.within(target_lengths, 0, longest, f"every target_length must be from 0 to {longest}, the width of targets")
    used = torch.arange(longest, device=device) < target_lengths.unsqueeze(1)
    label = (targets >= 0) & (targets < classes) & (targets != blank)
    _checks.every(label | ~used, f"every label in targets must be from 0 to {classes - 1} and not the blank {blank}",
                  targets)
    repeats = (pad(targets, (1, 0), value=blank).narrow(1, 0, longest) == targets) & used
    needed = target_lengths + repeats.sum(1)
    fits = needed <= input_lengths
    if not fits.all():
        row = int((~fits).nonzero()[0])
        raise ValueError(f"input_lengths must leave a frame for each label and one between two that are equal, "
                         f"{needed[row]} for row {row} of targets, got {input_lengths[row]}")
    total = log_p.detach().exp().sum(2).T
    unread = torch.arange(frames, device=device) >= input_lengths.unsqueeze(1)
    _checks.every(((total - 1).abs() <= slack) | unread,
                  "log_probs must be logarithms of probabilities, whose sum is 1 in every frame", total)
