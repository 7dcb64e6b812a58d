"""The figures with sliders: a still picture until the script of the page brings the chart to life.

A cell hands over the chart alone (see lossbook.plots.Interactive). The still is drawn here, and lies beside the pages.
The first of a chapter is the picture that carries it, and is wide where there is room.
"""

import hashlib
import json
import re
from pathlib import Path

import vl_convert

HOLDER = '<div class="interactive"'


def still_of(spec: dict) -> tuple[str, int, int]:
    """The chart as an SVG, with its width and its height; the same chart gives the same bytes."""
    version = re.search(r"v(\d+\.\d+)", spec["$schema"])
    drawn = vl_convert.vegalite_to_svg(spec, vl_version=version and version[1])
    width, height = re.search(r'<svg[^>]* width="([\d.]+)" height="([\d.]+)"', drawn).groups()
    # vl-convert numbers clip paths on from picture to picture
    first = min(map(int, re.findall(r'id="clip(\d+)"', drawn)), default=0)
    drawn = re.sub(r"\bclip(\d+)\b", lambda match: f"clip{int(match[1]) - first}", drawn)
    drawn = re.sub(r' (?:aria-[a-z]+|role|class)="[^"]*"', "", drawn)  # the picture has its alt text
    drawn = re.sub(r"-?\d+\.\d{3,}", lambda match: f"{float(match[0]):.2f}", drawn)  # hundredths of a pixel
    return drawn, round(float(width)), round(float(height))


def draw_stills(soup, app, up: str) -> None:
    """Put its still picture and its size into each figure with sliders."""
    folder = Path(app.outdir, app.builder.imagedir)
    if first := soup.select_one("figure:has(div.interactive)"):
        first["class"] = [*first.get("class", []), "wide"]
    for holder in soup.select("div.interactive"):
        spec = json.loads(holder.script.string)
        drawn, width, height = still_of(spec)
        target = folder / f"still-{hashlib.sha256(drawn.encode()).hexdigest()[:16]}.svg"
        folder.mkdir(parents=True, exist_ok=True)
        target.write_text(drawn, encoding="utf-8")
        rows = sum("input" in param.get("bind", ()) for param in spec.get("params", []))
        rows += sum(len(spec.get("usermeta", {}).get(more, {})) for more in ("play", "fold"))
        rows -= sum(map(len, spec.get("usermeta", {}).get("fold", {}).values()))
        holder["style"] = f"--width: {width}px; --height: {height}px; --sliders: {rows}"
        holder.insert(0, soup.new_tag("img", attrs={
            "class": "interactive-still", "alt": spec["description"], "width": width, "height": height,
            "src": f"{up}{app.builder.imagedir}/{target.name}", "loading": "lazy",
        }))


def write_script(app) -> None:
    """Put Vega, which draws the charts, beside the pages as one file."""
    version = f"/* Vega, Vega-Lite and vega-embed from vl-convert {vl_convert.__version__} */\n"
    bundle = Path(app.outdir, "_static", "vega.js")
    if not bundle.exists() or not bundle.read_text(encoding="utf-8").startswith(version):
        bundle.write_text(f"{version}(() => {{{vl_convert.javascript_bundle()}\n}})();\n", encoding="utf-8")
