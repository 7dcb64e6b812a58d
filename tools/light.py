"""Light pages: pictures without loss in fewer bytes, and code without marks that change nothing."""

import hashlib
import re
import struct
from pathlib import Path
from urllib.parse import unquote

from PIL import Image
from pygments.formatters import HtmlFormatter
from pygments.token import Name, Number, Punctuation, String, Text, Token

# In both themes these have the colour of the code itself, or the colour of their whole family.
PLAIN = {Token, Text, Text.Whitespace, Name, Name.Namespace, Name.Other, Punctuation, Punctuation.Marker}
STILL = "data:image/svg+xml,"


class Formatter(HtmlFormatter):
    """Pygments' HTML, without a span for each comma, name and space: half of a page was made of them."""

    def _get_css_classes(self, ttype):
        if ttype in PLAIN:
            return ""
        for family in (String, Number):
            if ttype in family and ttype not in (String.Regex, String.Symbol):
                return super()._get_css_classes(family)
        return super()._get_css_classes(ttype)


def picture_size(path: Path) -> tuple[int, int]:
    """The size at which a picture is shown; a PNG is drawn with two dots for each point of the page."""
    if path.suffix == ".png":
        width, height = struct.unpack(">II", path.read_bytes()[16:24])
        return round(width / 2), round(height / 2)
    _, _, width, height = re.search(r'<svg[^>]*viewBox="([^"]+)"', path.read_text())[1].split()
    return round(float(width)), round(float(height))


def compress(picture: Path, folder: Path) -> str:
    """Write a PNG as WebP, every dot as it was and a third of the bytes; return the name of the file."""
    target = folder / f"{picture.stem}.webp"
    if not target.exists():
        image = Image.open(picture).convert("RGBA")
        if image.getchannel("A").getextrema() == (255, 255):
            image = image.convert("RGB")
        folder.mkdir(parents=True, exist_ok=True)
        image.save(target, lossless=True, exact=True, quality=80, method=4)
    return target.name


def write_still(image, folder: Path) -> str:
    """Move the still picture of an interactive figure from the page into a file; return the name of the file."""
    drawn = unquote(image["src"].removeprefix(STILL))
    drawn = re.sub(r"-?\d+\.\d{3,}", lambda match: f"{float(match[0]):.2f}", drawn)  # hundredths of a pixel
    target = folder / f"still-{hashlib.sha256(drawn.encode()).hexdigest()[:16]}.svg"
    folder.mkdir(parents=True, exist_ok=True)
    target.write_text(drawn)
    return target.name
