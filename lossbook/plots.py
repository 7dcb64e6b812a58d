"""How the book draws: one style for every figure, one line for every loss, and figures with sliders.

Colours, sizes and fonts stand in ``lossbook.mplstyle``. ``STYLES`` gives each loss its colour and its
line style for the whole book, as keywords for ``ax.plot``; ``mark_style`` gives the same for Altair.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import ArrayLike

from lossbook.metrics import confidence_interval

__all__ = ["STYLES", "Interactive", "band", "interactive", "mark_style", "slider", "use_style"]

_STYLE_FILE = Path(__file__).with_name("lossbook.mplstyle")
_STYLE = mpl.rc_params_from_file(_STYLE_FILE, use_default_template=False)
_BLUE, _RED, _GREEN, _PURPLE, _BROWN, _SKY, _BLACK = (
    str(color) for color in _STYLE["axes.prop_cycle"].by_key()["color"]
)
_SOLID, _DASHED, _DOTTED, _DASHDOT = "-", "--", ":", "-."

#: The colour and the line style of each loss through the whole book, as keywords for ``ax.plot``.
STYLES: dict[str, dict[str, str]] = {
    name: {"color": color, "linestyle": linestyle}
    for name, color, linestyle in [
        # regression
        ("mse", _BLUE, _DASHED),
        ("rmse", _SKY, _DOTTED),
        ("mae", _RED, _DASHED),
        ("huber", _GREEN, _DASHED),
        ("smooth-l1", _BROWN, _DOTTED),
        ("log-cosh", _PURPLE, _DASHED),
        ("quantile", _BROWN, _DASHED),
        ("gaussian-nll", _BLUE, _DOTTED),
        # classification and its surrogates
        ("cross-entropy", _BLUE, _SOLID),
        ("binary-cross-entropy", _SKY, _SOLID),
        ("label-smoothing", _BLUE, _DASHDOT),
        ("logistic", _SKY, _DASHED),
        ("hinge", _GREEN, _DOTTED),
        ("squared-hinge", _GREEN, _DASHDOT),
        ("exponential", _RED, _DOTTED),
        ("zero-one", _BLACK, _SOLID),
        ("squared", _PURPLE, _DOTTED),
        # imbalance
        ("focal", _RED, _SOLID),
        ("asymmetric", _GREEN, _SOLID),
        ("weighted", _BROWN, _SOLID),
        ("class-balanced", _BROWN, _DASHDOT),
        ("logit-adjusted", _PURPLE, _SOLID),
        ("ldam", _PURPLE, _DASHDOT),
        ("distribution-balanced", _SKY, _DASHDOT),
        ("resampling", _BLACK, _DASHED),
        ("threshold", _BLACK, _DASHDOT),
        # Part V: colour and line are unique within a family
        # many classes
        ("linear-cross-entropy", _GREEN, _SOLID),
        ("z-loss", _RED, _DASHED),
        # masks
        ("dice", _RED, _SOLID),
        ("jaccard", _GREEN, _DASHED),
        ("tversky", _BROWN, _SOLID),
        ("focal-tversky", _BROWN, _DASHED),
        ("combo", _PURPLE, _DASHED),
        ("lovasz", _PURPLE, _SOLID),
        # boxes
        ("iou", _BLUE, _SOLID),
        ("giou", _RED, _SOLID),
        ("diou", _GREEN, _SOLID),
        ("ciou", _PURPLE, _SOLID),
        # clouds
        ("kl", _BROWN, _SOLID),
        ("js", _GREEN, _DASHED),
        ("wasserstein", _BLUE, _SOLID),
        ("chamfer", _RED, _SOLID),
        ("sinkhorn", _PURPLE, _DASHED),
        ("sinkhorn-divergence", _PURPLE, _SOLID),
        # embeddings
        ("contrastive", _RED, _SOLID),
        ("triplet", _GREEN, _SOLID),
        ("angular", _BROWN, _SOLID),
        ("nt-xent", _PURPLE, _SOLID),
        ("sup-con", _PURPLE, _DASHED),
        ("arcface", _SKY, _DASHED),
        # rankings
        ("margin-ranking", _GREEN, _SOLID),
        ("pairwise-logistic", _SKY, _SOLID),
        ("lambda-rank", _RED, _DASHED),
        ("list-net", _PURPLE, _SOLID),
        ("list-mle", _BROWN, _SOLID),
        ("dpo", _RED, _SOLID),
        # sequences
        ("ctc", _RED, _SOLID),
        # generation
        ("minimax", _RED, _SOLID),
        ("non-saturating", _GREEN, _SOLID),
        ("least-squares", _PURPLE, _SOLID),
        ("hinge-gan", _BROWN, _SOLID),
        ("wasserstein-gan", _SKY, _DASHED),
        # denoising
        ("predict-noise", _RED, _SOLID),
        ("predict-clean", _GREEN, _SOLID),
        ("predict-v", _PURPLE, _SOLID),
        ("flow", _BROWN, _SOLID),
        # consequences
        ("policy-gradient", _GREEN, _SOLID),
        ("ppo", _RED, _SOLID),
        ("q-learning", _PURPLE, _SOLID),
    ]
}

_DASHES = {_SOLID: [1, 0], _DASHED: [7, 4], _DOTTED: [2, 3], _DASHDOT: [8, 3, 2, 3]}
_TEXT, _LINE, _GRID = "#262626", "#8A8A8A", "#E6E6E6"
_VEGA_CONFIG = {
    "background": "white",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 12,
        "titleFontSize": 13,
        "titleFontWeight": "normal",
        "labelColor": "#404040",
        "titleColor": _TEXT,
        "domainColor": _LINE,
        "tickColor": _LINE,
        "gridColor": _GRID,
    },
    "legend": {"labelFontSize": 12, "titleFontSize": 12, "labelColor": _TEXT, "titleColor": _TEXT},
    "title": {"fontSize": 13, "fontWeight": "normal", "color": _TEXT},
    "text": {"fontSize": 12, "color": _TEXT},
    "line": {"strokeWidth": 2.4},
    "range": {"category": [_BLUE, _RED, _GREEN, _PURPLE, _BROWN, _SKY, _BLACK]},
}
_SENTENCE = "An interactive figure: it answers to its sliders."


def use_style() -> None:
    """Draw all figures from here on in the book's style, sharp on dense screens too."""
    plt.style.use(_STYLE_FILE)
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina")  # type: ignore[no-untyped-call]


def mark_style(name: str) -> dict[str, Any]:
    """The line of the loss ``name`` for Altair: ``chart.mark_line(**mark_style("focal"))``."""
    if name not in STYLES:
        raise ValueError(f"name must be one of {', '.join(STYLES)}; got {name!r}")
    return {"color": STYLES[name]["color"], "strokeDash": _DASHES[STYLES[name]["linestyle"]]}


def band(ax: Any, x: ArrayLike, runs: ArrayLike, *, level: float | None = None, **style: Any) -> Any:
    """Draw the mean of several runs as a line, and how far they spread as a band around it.

    Args:
        ax: the axes to draw on.
        x: where the runs were measured, shape (n,).
        runs: one row per run, shape (runs, n).
        level: None for a band over all runs; 0.95 for the 95 % confidence interval of the mean.
        **style: keywords for ``ax.plot``, ``STYLES["focal"]`` for instance.

    Returns:
        The axes.

    Raises:
        ValueError: if ``runs`` is not one row per run with one value for each ``x``.
    """
    places, values = np.asarray(x), np.asarray(runs)
    if values.ndim != 2 or values.shape[1:] != places.shape:
        raise ValueError(f"runs must have shape (runs, {len(places)}), one value for each x, got {values.shape}")
    (line,) = ax.plot(places, values.mean(axis=0), **style)
    low, high = values.min(axis=0), values.max(axis=0)
    if level is not None:
        low, high = np.array([confidence_interval(each, level=level)[1:] for each in values.T]).T
    ax.fill_between(places, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
    return ax


def slider(name: str, label: str, *, low: float, high: float, step: float, value: float) -> Any:
    """Make a slider for an interactive figure; the chart gets it by ``chart.add_params(slider(…))``.

    Args:
        name: of the parameter, as the chart's formulas write it.
        label: what the page shows beside the slider.
        low: where the slider begins.
        high: where it ends, above ``low``.
        step: from one position to the next, above 0.
        value: where it stands at first, from ``low`` to ``high``.

    Returns:
        An Altair parameter, bound to a slider.

    Raises:
        ValueError: if ``low``, ``high``, ``step`` and ``value`` do not fit together.

    Example:
        >>> slider("gamma", "γ", low=0, high=5, step=0.1, value=2).name
        'gamma'
    """
    import altair as alt

    if not low <= value <= high or low == high or step <= 0:
        got = f"low {low}, high {high}, step {step} and value {value}"
        raise ValueError(f"value must lie from low to high, low below high, and step above 0; got {got}")
    return alt.param(name, value=value, bind=alt.binding_range(name=f"{label} ", min=low, max=high, step=step))


class Interactive:
    """An Altair chart with sliders, as the last expression of a cell. Made by ``interactive``."""

    def __init__(self, chart: Any, name: str) -> None:
        self.chart, self.name = chart, name

    def __repr__(self) -> str:
        return _SENTENCE

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        if os.environ.get("LOSSBOOK_BOOK") == "1":
            return {"text/html": self._data(), "text/plain": _SENTENCE}
        bundle = self.chart._repr_mimebundle_(include, exclude)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, "text/plain": _SENTENCE}, metadata

    def _data(self) -> str:
        """The chart's JSON; the page of the book adds a still picture and a script that brings it to life."""
        data = json.dumps(self.chart.to_dict(), sort_keys=True, ensure_ascii=False).replace("<", "\\u003c")
        return f'<div class="interactive" id="{self.name}-chart"><script type="application/json">{data}</script></div>'


def interactive(
    chart: Any, *, name: str, alt: str,
    drag: dict[str, str | list[str]] | None = None, play: dict[str, str] | None = None,
    fold: dict[str, list[str]] | None = None,
) -> Interactive:
    """Show an Altair chart whose sliders work on the page, without a kernel and without the network.

    The page shows a still picture until its script has loaded. Elsewhere, as in Colab, Altair shows it.

    Args:
        chart: an Altair chart. Its sliders are parameters bound with ``alt.binding_range(name="γ", …)``.
        name: the figure's name, as in the cell's metadata: ``fig-`` and lower-case letters, digits, hyphens.
        alt: a sentence that says what is to be seen.
        drag: the sliders that a drag across the view named "drag" moves, ``{"x": "m", "y": "c"}`` for instance;
            a list has one slider for each column of the view. With the list "nearest", the slider moves whose value
            is nearest to the press along x. In a triangle with the corners (0, 0), (1, 0) and (0.5, 1), "left" is
            the share of the left corner, and "rest" that of the right one in what is left. Where the chart has a
            parameter ``tau_of_x``, a formula of its parameter ``x``, the slider ``tau`` goes where the formula says.
            This works on the page of the book.
        play: the sliders that a button moves to their end, step by step, and what stands on the button,
            ``{"steps": "Descend"}`` for instance. This, too, works on the page of the book.
        fold: the sliders that the page of the book folds away, and the words on the fold,
            ``{"The other deliveries": ["t1", "t2"]}`` for instance.

    Raises:
        TypeError: when ``chart`` is no Altair chart, or ``name`` or ``alt`` is no string.
        ValueError: when ``name``, ``alt`` or ``drag`` has another form, or one of the options names no slider.
    """
    if not hasattr(chart, "to_dict") or not hasattr(chart, "configure"):
        raise TypeError(f"chart must be an Altair chart, got {type(chart).__name__}")
    for argument, value in (("name", name), ("alt", alt)):
        if not isinstance(value, str):
            raise TypeError(f"{argument} must be a string, got {type(value).__name__}")
    if not re.fullmatch(r"fig-[a-z0-9]+(-[a-z0-9]+)*", name):
        raise ValueError(f"name must look like 'fig-focal-curve', got {name!r}")
    if not re.fullmatch(r"\S.*\.", alt.strip(), re.DOTALL) or len(alt.split()) < 4:
        raise ValueError(f"alt must be a sentence that says what is to be seen, got {alt!r}")
    if drag is not None and not set(drag) <= {"x", "y", "nearest", "left", "rest"}:
        raise ValueError(f"drag must name sliders for x, y, nearest, left or rest, got {drag!r}")
    options = {"drag": drag, "play": play, "fold": fold}
    asked = {key: value for key, value in options.items() if value is not None}
    chart = chart.properties(description=alt.strip(), **({"usermeta": asked} if asked else {}))
    sliders = {param.get("name") for param in chart.to_dict().get("params", [])}
    dragged = [name for one in (drag or {}).values() for name in ([one] if isinstance(one, str) else one)]
    named = {"drag": {name.removeprefix("1 - ") for name in dragged}, "play": set(play or {}),
             "fold": {name for names in (fold or {}).values() for name in names}}
    for argument, names in named.items():
        if missing := sorted(names - sliders):
            raise ValueError(f"{argument} must name sliders of the chart, which has none called {', '.join(missing)}")
    return Interactive(chart.configure(**_VEGA_CONFIG), name)
