"""Sphinx extension for the front page: the figure to drag, and a card for each part of the book.

`{lines}` draws nine points and the lines that three losses fit to them; theme/static/front.js makes them move.
`{cards}` has a card for each part: its picture, theme/pictures/NAME.svg, and the lines of the directive about it:

    loss-and-metric | I | How wrong is wrong? | What this book does here that others do not.
"""

import math
from html import escape
from itertools import combinations

import numpy as np
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from tools.layout import parts
from tools.pages.maps import PICTURES

POINTS = ((0.6, 1.9), (1.5, 2.2), (2.6, 3.5), (3.5, 3.4), (4.5, 4.7), (5.5, 4.9), (6.5, 6.2), (7.6, 6.5), (8.7, 0.9))
DELTA = 0.5  # of the Huber loss
LOSSES = {"mse": "MSE", "mae": "MAE", "huber": "Huber"}
SIDE, LEFT, TOP, UNIT, TALL = 10, 8, 8, 33, 29  # the numbers of an axis; the corner of the plot; dots for one


def fit(name: str, x, y) -> tuple[float, float]:
    """The line of a loss, as theme/static/front.js finds it."""
    x, y = np.asarray(x), np.asarray(y)
    if name == "mae":  # a best line goes through two of the points
        lines = [(y[i] - s * x[i], s) for i, j in combinations(range(len(x)), 2) if x[i] != x[j]
                 for s in [(y[j] - y[i]) / (x[j] - x[i])]]
        return min(lines, key=lambda line: np.abs(y - line[0] - line[1] * x).sum())
    b, a = np.polyfit(x, y, 1)
    for _ in range(20_000 if name == "huber" else 0):
        before = a, b
        away = np.abs(y - a - b * x)
        b, a = np.polyfit(x, y, 1, w=np.minimum(1, DELTA / np.maximum(away, 1e-300)) ** 0.5)
        if max(abs(a - before[0]), abs(b - before[1])) < 1e-13:
            break
    return a, b


def place(x: float, y: float) -> tuple[float, float]:
    return round(x * UNIT, 1), round((SIDE - y) * TALL, 1)


def apart(heights: dict[str, float], gap: float = 19) -> dict[str, float]:
    """Move the names at the ends of the lines until they can be read."""
    order, found = sorted(heights, key=heights.get), {}
    for name in order:
        found[name] = max(heights[name], max(found.values(), default=-math.inf) + gap)
    over = max(0, max(found.values()) - (SIDE * TALL - 4))
    return {name: height - over for name, height in found.items()}


def figure() -> str:
    """The figure as it stands without a script."""
    x, y = np.array(POINTS).T
    lines = {name: fit(name, x, y) for name in LOSSES}
    wide, tall = SIDE * UNIT, SIDE * TALL
    drawn = []
    for name, (a, b) in lines.items():
        (x1, y1), (x2, y2) = place(0, a), place(SIDE, a + b * SIDE)
        drawn.append(f'<line class="{name}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>')
    ends = {name: min(max(place(0, a + b * SIDE)[1], 6), tall - 4) for name, (a, b) in lines.items()}
    words = "".join(f'<text class="{name}" x="{LEFT + wide + 8}" y="{TOP + height + 5:.1f}">{LOSSES[name]}</text>'
                    for name, height in apart(ends).items())
    dots = "".join(
        f'<g class="point{" wrong" if index == len(POINTS) - 1 else ""}" data-x="{px}" data-y="{py}" '
        'transform="translate({} {})"><circle class="reach" r="17"/><circle class="dot" r="6.5"/></g>'.format(
            *(round(side + corner, 1) for side, corner in zip(place(px, py), (LEFT, TOP), strict=True)))
        for index, (px, py) in enumerate(POINTS))
    slopes = ", ".join(f"{LOSSES[name]} {b:.2f}" for name, (_, b) in lines.items())
    alt = (f"Nine points and three fitted lines. Eight points rise from left to right, the ninth lies far below them. "
           f"The slopes: {slopes}.")
    width, height = LEFT + wide + 62, TOP + tall + 8
    return f"""<div class="front-lines" id="front-lines" data-delta="{DELTA}">
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" \
aria-label="{escape(alt)}">
<rect class="ground" x="{LEFT}" y="{TOP}" width="{wide}" height="{tall}" rx="6"/>
<svg class="plot" x="{LEFT}" y="{TOP}" width="{wide}" height="{tall}" overflow="hidden">{"".join(drawn)}</svg>
<g class="ends">{words}</g>
<g class="points">{dots}</g>
</svg>
<div class="front-read"><p class="slopes" role="status">Slopes: {slopes}.</p></div>
</div>"""


class Lines(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        return [nodes.raw("", figure(), format="html")]


class Cards(SphinxDirective):
    """The cards of the parts, each a link to the first chapter of its part."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        found = nodes.container(classes=["part-cards"])
        for line in filter(None, self.content):
            name, part, question, unlike = map(str.strip, line.split("|"))
            found += self.card(name, part, question, unlike)
        return [found]

    def card(self, name: str, part: str, question: str, unlike: str) -> nodes.Node:
        title, pages = next((title, pages) for title, pages in parts() if pages[0].startswith(f"chapters/{name}"))
        picture = PICTURES / f"{name.replace('/', '-')}.svg"
        self.env.note_dependency(str(picture))
        card = nodes.container(classes=["part-card"])
        card += nodes.raw("", picture.read_text(encoding="utf-8"), format="html")
        head = f"Part {title}" if part else title
        lines = [f"{{doc}}`{question} </{pages[0]}>`", "", "{.of-part}", head, "", unlike]
        words = nodes.container()
        self.state.nested_parse(StringList(lines, self.env.docname), self.content_offset, words)
        card += words.children
        return card


def setup(app):
    app.add_directive("lines", Lines)
    app.add_directive("cards", Cards)
