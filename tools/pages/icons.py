"""The icons that the book shows, as a font of their own: some kilobytes in place of the theme's 156.

A browser asks the theme's font for an icon that is not among these, so a forgotten one costs time and nothing else.
"""

import re
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

FONT = "vendor/fontawesome/webfonts/fa-solid-900.ttf"
NAMES = {"angle-left", "angle-right", "arrow-up", "bars", "chevron-down", "circle-half-stroke", "list",
         "magnifying-glass", "moon", "sun"}  # of templates; those of style sheets are found there


def codes(sheet: str) -> set[int]:
    """The icons that a style sheet shows by itself, or under one of the names."""
    rules = re.findall(r'([^{}]*)\{[^{}]*content: ?"\\([ef]\w{3})"', sheet)
    shown = [code for rule, code in rules if ".fa-" not in rule or NAMES & set(re.findall(r"\.fa-([\w-]+)", rule))]
    return {int(code, 16) for code in (*shown, *re.findall(r'--pst-icon-[\w-]+: ?"\\([ef]\w{3})"', sheet))}


def write_font(static: Path) -> None:
    """Write icons.woff, which lossbook.css names, from the theme's font."""
    font = TTFont(static / FONT, recalcTimestamp=False)
    chosen = Subsetter(Options(notdef_outline=True))
    sheets = [sheet.read_text(encoding="utf-8") for sheet in static.rglob("*.css")]
    chosen.populate(unicodes=set().union(*map(codes, sheets)))
    chosen.subset(font)
    font.flavor = "woff"
    font.save(static / "icons.woff")
