"""What the interactive figures of the chapter $name compute, beside lossbook."""

from figures import Row, column, double, rows_with

import lossbook


def curve(at, tables):
    rows = rows_with(tables, "x", "y")
    x = double(column(rows, "x")) / at["factor"]
    yield column(rows, "y"), lossbook.mse_loss(x, 0 * x, reduction="none")


FIGURES = {"fig-$stem-sliders": Row([{"factor": 1}, {"factor": 0.5}, {"factor": 2}], curve)}
