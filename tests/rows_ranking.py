"""The losses for ranking, for the table of transforms."""

import torch
from rows import Row

import lossbook


def scores(n, count=2):
    return tuple(torch.randn(count, n, dtype=torch.float64, generator=torch.Generator().manual_seed(count)))


def compared(n):
    return *scores(n), 1 - 2 * (torch.arange(n) % 2)


def lists(n):
    generator = torch.Generator().manual_seed(0)
    return (torch.randn(n, 4, dtype=torch.float64, generator=generator),
            torch.stack([torch.randperm(4, generator=generator) // 2 + torch.arange(4) % 2 for _ in range(n)]))


ROWS = [
    Row("margin ranking", lossbook.margin_ranking_loss, compared, {"margin": 0.5}, (0, 1)),
    Row("RankNet", lossbook.pairwise_logistic_loss, lists),
    Row("LambdaRank", lossbook.pairwise_logistic_loss, lists, {"weight": "ndcg"}),
    Row("ListNet", lossbook.list_net_loss, lists),
    Row("ListMLE", lossbook.list_mle_loss, lists),
    Row("preference", lossbook.preference_loss, scores, differentiable=(0, 1)),
    Row("DPO", lossbook.dpo_loss, lambda n: scores(n, 4), {"beta": 0.5}, (0, 1)),
]
