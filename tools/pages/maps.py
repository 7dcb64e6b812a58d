"""Sphinx extension: the two pictures of the whole book, made from `_toc.yml` and chapters/reference/teaching.yml.

`{map}` shows every page, but those below another, as a tile with what the page says of itself, part by part, each with
its picture; a line such as `IV: what if one class is rare?` in it says what leads to a part.
chapters/reference/teaching.svg draws which chapter needs which; each build writes it anew.
"""

import re
from pathlib import Path
from xml.sax.saxutils import escape

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from tools.layout import ROOT, parts
from tools.pages.teaching import chapter_of, plan

PICTURES = ROOT / "theme" / "pictures"
PICTURE = ROOT / "chapters" / "reference" / "teaching.svg"
WIDTH, ROW, TEXT = 440, 24, 244  # the picture, one chapter, and where the arcs begin
COLOURS = ("#0072b2", "#7a3b8f", "#a34700", "#00694a", "#404040")  # of a part and of the arcs that begin in it
HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" \
font-family="system-ui, sans-serif" font-size="13" role="img">
  <title>Which chapter needs which</title>
  <style>
    .card {{ fill: #ffffff }}
    .part {{ font-weight: 600 }}
    .chapter {{ fill: #404040 }}
    .root {{ fill: #000000; font-weight: 600 }}
    .needs {{ fill: none; stroke-width: 1.4; marker-end: url(#head) }}
    circle, marker path {{ fill: #404040 }}
  </style>
  <marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" \
markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L10 5L0 10z"/></marker>
  <rect class="card" width="{width}" height="{height}" rx="8"/>
"""


class Map(SphinxDirective):
    has_content = True

    def run(self) -> list[nodes.Node]:
        leads = dict(line.split(": ", 1) for line in self.content if line.strip())
        box = nodes.container(classes=["book-map"])
        for name, pages in parts(below=False)[1:]:
            number = name.split(" · ")[0]
            lead = ["", f"*{leads[number]}*"] if number in leads else []
            tiles = [f"- {{doc}}`/{page}`\n\n  {about(ROOT / f'{page}.md')}" for page in pages]
            lines = [f"**{'Part ' if ' · ' in name else ''}{name}**", *lead, "", *"\n".join(tiles).split("\n")]
            part = nodes.container(classes=["map-part"])
            part += picture_of(pages[0]) or []
            self.state.nested_parse(StringList(lines, self.env.docname), self.content_offset, part)
            box += part
        return [box]


def picture_of(page: str) -> nodes.Node | None:
    """The picture of the part that a page opens, theme/pictures/FOLDER.svg, or of the page; some have none."""
    place = Path(page).relative_to("chapters")
    for name in (place.parent.name, "-".join(place.parts)):
        path = PICTURES / f"{name}.svg"
        if path.exists():
            return nodes.raw("", path.read_text(encoding="utf-8"), format="html")
    return None


def about(page: Path) -> str:
    """What a page says of itself to search engines; a page without front matter says nothing."""
    head = re.match(r"(?s)---\n(.*?)\n---\n", page.read_text(encoding="utf-8"))
    return yaml.safe_load(head[1])["myst"]["html_meta"]["description"] if head else ""


def heading(name: str) -> str:
    """The title of a chapter, up to its first comma."""
    lines = chapter_of(name).read_text(encoding="utf-8").split("\n")
    return next(line[2:].split(",")[0] for line in lines if line.startswith("# "))


def picture(planned: dict[str, dict]) -> str:
    """A list of the chapters in the order of the book, and an arc from each to those that build on it."""
    place, colour, lines, y = {}, {}, [], 8
    colours = iter(COLOURS)
    for part, pages in parts()[1:]:
        names = [name for page in pages if (name := page.removeprefix("chapters/")) in planned]
        if names:
            y += ROW + 8
            ink = next(colours)
            colour |= dict.fromkeys(names, ink)
            lines.append(f'<text class="part" fill="{ink}" x="12" y="{y}">{escape(part)}</text>')
        for name in names:
            y += ROW
            place[name] = y - 4
            kind = "chapter" if planned[name]["needs"] else "root"
            lines.append(f'<text class="{kind}" data-page="{name}" x="24" y="{y}">{escape(heading(name))}</text>')
            lines.append(f'<circle cx="{TEXT}" cy="{place[name]}" r="2.5"/>')
    longest = max((place[name] - place[need] for name, one in planned.items() for need in one["needs"]), default=1)
    for name, one in planned.items():
        for need in one["needs"]:
            start, end = place[need], place[name] - 3
            out = TEXT + 20 + (WIDTH - TEXT - 40) * 4 / 3 * ((end - start) / longest) ** 0.7
            curve = f"M{TEXT + 4} {start}C{out:.0f} {start} {out:.0f} {end} {TEXT + 6} {end}"
            ends = f'data-from="{need}" data-to="{name}"'
            lines.append(f'<path class="needs" stroke="{colour[need]}" {ends} d="{curve}"/>')
    return HEAD.format(width=WIDTH, height=y + 16) + "".join(f"  {line}\n" for line in lines) + "</svg>\n"


def draw(_app=None) -> None:
    drawn = picture(plan())
    if not PICTURE.exists() or PICTURE.read_text(encoding="utf-8") != drawn:
        PICTURE.write_text(drawn, encoding="utf-8")


def setup(app):
    app.add_directive("map", Map)
    app.connect("builder-inited", draw)
