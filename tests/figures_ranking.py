"""What the interactive figure on rankings computes, beside what lossbook computes."""

import torch
from figures import Row, column, double, rows_with
from sklearn.metrics import ndcg_score

import lossbook


def pulls(at, tables):
    grades = torch.tensor([[4, 2, 1, 0, 0]])
    scores = double([[at["a"], 1.5, 0.5, -0.5, 1.0]]).requires_grad_()
    losses = {
        "RankNet": lossbook.pairwise_logistic_loss(scores, grades),
        "LambdaRank": lossbook.pairwise_logistic_loss(scores, grades, weight="ndcg"),
        "ListNet": lossbook.list_net_loss(scores, grades),
    }
    whole = [rows for rows in tables.values() if rows and {"loss", "pull", "i"} <= set(rows[0])]
    rows = max(whole, key=len)  # the others hold the arrows of one page each
    for name, loss in losses.items():
        found = sorted((row for row in rows if row["loss"] == name), key=lambda row: row["i"])
        yield column(found, "pull"), -torch.autograd.grad(loss, scores)[0][0]
        yield column(found, "score"), scores.detach()[0]
    gains = (2.0**grades - 1).numpy()
    yield column(rows_with(tables, "nDCG"), "nDCG"), [ndcg_score(gains, scores.detach().numpy(), ignore_ties=True)]


FIGURES = {
    "fig-ranking-pull": Row([{"a": -1.5}, {"a": 0.7}, {"a": 1.2}, {"a": 3}], pulls),
}
