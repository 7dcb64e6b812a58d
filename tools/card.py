"""Draw the picture that a link to the book shows elsewhere: its title beside the curves of six losses."""

import io
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch

import lossbook
from lossbook import plots

SIZE = (1200, 630)  # what those who show such a picture ask for
ALT = "The title Loss functions: an executable textbook, beside the curves of six losses over the margin."


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


def draw(path: Path, title: str) -> None:
    """Draw the card; what follows the colon of the title stands below it."""
    from matplotlib.figure import Figure  # no pyplot: nothing of the build's own figures is touched

    with mpl.rc_context(fname=str(Path(plots.__file__).with_name("lossbook.mplstyle"))):
        figure = Figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100, layout="none", facecolor="#07478E")
        figure.text(0.06, 0.60, title.split(": ")[0], fontsize=50, weight="bold", color="white")
        figure.text(0.06, 0.48, title.split(": ")[1], fontsize=32, color="white")
        figure.text(0.06, 0.12, "derived, computed, pictured, checked", fontsize=21, color="#CFE0F5")
        ax = figure.add_axes((0.58, 0.09, 0.37, 0.82))
        margin = np.linspace(-2.5, 3.0, 551)
        for name, loss in curves(margin).items():
            ax.plot(margin, loss, linewidth=5, **plots.STYLES[name])
        ax.set(xlim=(-2.5, 3.0), ylim=(-0.08, 4.5), xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        figure.savefig(path, dpi=100, facecolor=figure.get_facecolor())


COVER = (1600, 2263)  # the shape of A4
COVER_ALT = "The cover: the title Loss functions above the curves of six losses over the margin."


def cover(title: str, subtitle: str, authors: str) -> bytes:
    """Draw the cover of the book as a PNG; the same words give the same bytes."""
    from matplotlib.figure import Figure

    with mpl.rc_context(fname=str(Path(plots.__file__).with_name("lossbook.mplstyle"))):
        figure = Figure(figsize=(COVER[0] / 200, COVER[1] / 200), dpi=200, layout="none", facecolor="#07478E")
        figure.text(0.1, 0.86, title, fontsize=46, weight="bold", color="white")
        figure.text(0.1, 0.815, subtitle, fontsize=22, color="#CFE0F5")
        figure.text(0.1, 0.07, authors, fontsize=16, color="#CFE0F5")
        ax = figure.add_axes((0.1, 0.16, 0.8, 0.56))
        margin = np.linspace(-2.5, 3.0, 551)
        for name, loss in curves(margin).items():
            ax.plot(margin, loss, linewidth=5, **plots.STYLES[name])
        ax.set(xlim=(-2.5, 3.0), ylim=(-0.08, 4.5), xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=200, facecolor=figure.get_facecolor(), format="png", metadata={"Software": None})
    return drawn.getvalue()
