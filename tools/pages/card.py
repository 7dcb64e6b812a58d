"""The picture of the book: its title beside the curves of six losses, as a card for links and as a cover."""

import io
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure  # no pyplot: nothing of the build's own figures is touched

import lossbook
from lossbook import plots

GROUND, PALE = "#07478E", "#CFE0F5"


@dataclass(frozen=True)
class Look:
    """The size in pixels; the place and the size of each text; the box of the curves, in shares of the picture."""

    size: tuple[int, int]
    dpi: int
    title: tuple[float, float, int]
    subtitle: tuple[float, float, int]
    foot: tuple[float, float, int]
    colour: str  # of the subtitle
    curves: tuple[float, float, float, float]
    alt: str


CARD = Look(  # of the size that those who show such a picture ask for
    size=(1200, 630), dpi=100, title=(0.06, 0.60, 50), subtitle=(0.06, 0.48, 32), foot=(0.06, 0.12, 21),
    colour="white", curves=(0.58, 0.09, 0.37, 0.82),
    alt="The title Loss functions: an executable textbook, beside the curves of six losses over the margin.",
)
COVER = Look(  # in the shape of A4
    size=(1600, 2263), dpi=200, title=(0.1, 0.86, 46), subtitle=(0.1, 0.815, 22), foot=(0.1, 0.07, 16),
    colour=PALE, curves=(0.1, 0.16, 0.8, 0.56),
    alt="The cover: the title Loss functions above the curves of six losses over the margin.",
)


def curves(margin: np.ndarray) -> dict[str, np.ndarray]:
    """The losses of a positive example by its margin."""
    logits, target = torch.from_numpy(margin), torch.ones(len(margin), dtype=torch.float64)
    each = {"reduction": "none"}
    return {
        "zero-one": (margin < 0).astype(float),
        "hinge": lossbook.hinge_loss(logits, target, **each).numpy(),
        "squared-hinge": lossbook.squared_hinge_loss(logits, target, **each).numpy(),
        "exponential": np.exp(-margin),
        "binary-cross-entropy": lossbook.binary_cross_entropy_with_logits(logits, target, **each).numpy(),
        "focal": lossbook.focal_loss(logits, target, gamma=2.0, **each).numpy(),
    }


def draw(look: Look, title: str, subtitle: str, foot: str) -> bytes:
    """Draw the picture as a PNG; the same words give the same bytes."""
    with mpl.rc_context(fname=str(Path(plots.__file__).with_name("lossbook.mplstyle"))):
        width, height = (side / look.dpi for side in look.size)
        figure = Figure(figsize=(width, height), dpi=look.dpi, layout="none", facecolor=GROUND)
        for text, (x, y, points), style in (
            (title, look.title, {"weight": "bold", "color": "white"}),
            (subtitle, look.subtitle, {"color": look.colour}),
            (foot, look.foot, {"color": PALE}),
        ):
            figure.text(x, y, text, fontsize=points, **style)
        ax = figure.add_axes(look.curves)
        margin = np.linspace(-2.5, 3.0, 551)
        for name, loss in curves(margin).items():
            ax.plot(margin, loss, linewidth=5, **plots.STYLES[name])
        ax.set(xlim=(-2.5, 3.0), ylim=(-0.08, 4.5), xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=look.dpi, facecolor=GROUND, format="png", metadata={"Software": None})
    return drawn.getvalue()
