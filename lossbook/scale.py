r"""Cross-entropy for so many classes that the logits do not fit, and a loss that keeps logits from drifting.

Half precision is computed and returned in float32.
"""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from lossbook import _checks
from lossbook._fast import scale, without_autocast
from lossbook._stable import centred
from lossbook.classification import cross_entropy


def linear_cross_entropy(
    features: Tensor,
    weight: Tensor,
    target: Tensor,
    *,
    ignore_index: int = -100,
    chunk: int = 128,
    reduction: str = "mean",
) -> Tensor:
    r"""Cross-entropy of a linear layer, whose logits never all exist at once.

    With :math:`x` = ``features`` of one example, :math:`W` = ``weight``, :math:`y` = ``target``, a class, and
    :math:`z = W x`,

    .. math:: \mathrm{CE} = -\log p_y, \qquad p = \mathrm{softmax}(W x)

    and the gradient is :math:`W^\top (p - \mathbb{1}_y)` for x and :math:`(p - \mathbb{1}_y)\, x^\top` for W. It is
    cross_entropy of ``features @ weight.T`` and is minimised by the same probabilities. That product has N K entries;
    here ``chunk`` of its N rows are made at a time, and with them their share of both gradients, so that nothing is
    left to be kept for the backward pass but the gradients themselves. With "none", where the backward pass brings a
    factor for each example, the rows are made again, which takes a third more time. All products are in float32, under
    autocast too; on a GPU torch.set_float32_matmul_precision says how exact that is.

    Peers: torch 2.13 has F.linear_cross_entropy, in chunks if asked by its ``options``; Liger Kernel and Cut
    Cross-Entropy do the same in kernels for GPUs.

    Args:
        features: inputs of the linear layer, shape (N, D).
        weight: its weights, one row per class, shape (K, D), K at least 2.
        target: integer classes from 0 to K - 1, shape (N,).
        ignore_index: a target that leaves its example out of sum and mean.
        chunk: how many examples to work on at a time, at least 1. It changes time and memory, not the loss. A second
            derivative, torch.compile and the transforms of torch.func make all logits at once.
        reduction: "none", "mean" (over the examples that are kept) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a class does not exist, or an option is outside its range.

    Example:
        >>> features, weight = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 0.0], [1.0, -1.0], [0.0, 0.5]])
        >>> linear_cross_entropy(features, weight, torch.tensor([1]))  # logits 0, -1 and 1
        tensor(2.4076)

    References:
        Hsu and others, 2024, Liger Kernel (arXiv:2410.10989).
        Wijmans, Huval, Hertzberg, Koltun and Krähenbühl, 2024, Cut Your Losses (arXiv:2411.09009).
    """
    features = _checks.floats("features", features)
    weight = _checks.floats("weight", weight).to(features.dtype)
    if features.ndim != 2 or weight.ndim != 2 or weight.shape[1] != features.shape[1] or weight.shape[0] < 2:
        raise ValueError(f"features and weight must have shapes (N, D) and (K, D) with K of at least 2, "
                         f"got {tuple(features.shape)} and {tuple(weight.shape)}")
    chunk, ignore_index = _checks.integer("chunk", chunk, "[1, inf)"), _checks.integer("ignore_index", ignore_index)
    logits = features.new_zeros(()).expand(features.shape[0], weight.shape[0])  # a shape, with one number in memory
    target, kept = _checks.class_target(target, logits, ignore_index)
    keep, features = kept.to(features.dtype), _checks.only_kept(features, kept)
    with without_autocast(features):
        if not (_checks.values_are_visible(features) and scale.can_be_chunked(features, weight)):
            loss = _losses(features, weight, target, keep)
        elif reduction == "none":
            pieces = zip(*(torch.split(part, chunk) for part in (features, target, keep)), strict=True)
            loss = torch.cat([checkpoint(_losses, x, weight, y, k, use_reentrant=False) for x, y, k in pieces])
        else:
            loss = scale.linear_cross_entropy(features, weight, target, keep, chunk, _sum_of_losses)
    return _checks.reduce(loss, reduction, keep)


def _losses(features: Tensor, weight: Tensor, target: Tensor, keep: Tensor) -> Tensor:
    return keep * cross_entropy(features @ weight.T, target, reduction="none")


def _sum_of_losses(features: Tensor, weight: Tensor, target: Tensor, keep: Tensor) -> Tensor:
    return _losses(features, weight, target, keep).sum()


def z_loss(logits: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""The squared logarithm of the sum that softmax divides by, which holds the logits where they are.

    With :math:`z` = ``logits``,

    .. math:: L = (\log Z)^2, \qquad Z = \textstyle\sum_k e^{z_k}

    and the gradient is :math:`2 \log Z\, p_k` with :math:`p = \mathrm{softmax}(z)`. Cross-entropy does not change when
    one number is added to all logits, so nothing keeps them from drifting to where half precision has few digits.
    This term does: it is smallest, 0, where the logits are log-probabilities already. It is added to cross-entropy
    with a small factor, 1e-4 in the paper.

    Peers: some programs put the factor inside, or average over the tokens that were left out, too.

    Args:
        logits: shape (N, K) or (N, K, d1, …), K at least 2.
        reduction: "none", "mean" (over examples) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,) or (N, d1, …).

    Raises:
        TypeError: if ``logits`` is no floating tensor.
        ValueError: if its shape does not fit or ``reduction`` is unknown.

    Example:
        >>> z_loss(torch.tensor([[0.25, 0.75]]).log() + 3.0)
        tensor(9.)

    References:
        Chowdhery and others, 2022, PaLM (arXiv:2204.02311).
    """
    logits = _checks.class_logits(logits)
    # Not logsumexp, whose derivative in torch is exp(z - log Z): at |z| = 1e4 that difference has lost its digits.
    log_z = logits.amax(1).detach() + centred(logits).exp().sum(1).log()
    return _checks.reduce(log_z**2, reduction)
