"""Pictures that weigh little and keep their room: every dot as it was, in fewer bytes, and a size for each."""

import hashlib
import re
import shutil
import struct
from pathlib import Path

from PIL import Image

from tools.layout import ROOT

MADE = ROOT / "_build" / "pictures"


def size_of(path: Path) -> tuple[int, int]:
    """The size at which a picture is shown; a PNG is drawn with two dots for each point of the page."""
    if path.suffix == ".png":
        width, height = struct.unpack(">II", path.read_bytes()[16:24])
        return round(width / 2), round(height / 2)
    _, _, width, height = re.search(r'<svg[^>]*viewBox="([^"]+)"', path.read_text(encoding="utf-8"))[1].split()
    return round(float(width)), round(float(height))


def compress(picture: Path, folder: Path) -> str:
    """Write a PNG as WebP, a third of the bytes; return the name of the file. What was once compressed is kept."""
    name = f"{picture.stem}.webp"
    kept = MADE / hashlib.sha256(picture.read_bytes()).hexdigest()
    if not kept.exists():
        image = Image.open(picture).convert("RGBA")
        if image.getchannel("A").getextrema() == (255, 255):
            image = image.convert("RGB")
        MADE.mkdir(parents=True, exist_ok=True)
        image.save(kept, "WEBP", lossless=True, exact=True, quality=80, method=4)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(kept, folder / name)
    return name


def keep_room(soup, app, up: str) -> None:
    """Give each picture its size, so that nothing moves when it arrives; load it when it comes near."""
    sources = {name: Path(app.srcdir, path) for path, name in app.builder.images.items()}
    folder = Path(app.outdir, app.builder.imagedir)
    for image in soup.find_all("img", src=re.compile(r"_images/[^/]+\.(png|svg)$")):
        source = sources[image["src"].rsplit("/", 1)[1]]
        width, height = size_of(source)
        image.attrs.update(width=width, height=height, loading="lazy", decoding="async")
        image.attrs.pop("style", None)  # myst-nb fixes both sides, and a phone would squeeze only one
        if source.suffix == ".png":
            image["src"] = f"{up}{app.builder.imagedir}/{compress(source, folder)}"
        if image.parent.name == "a":
            image.parent["href"] = image["src"]


def remove_originals(app) -> None:
    """Remove each PNG that the pages show as WebP."""
    for picture in Path(app.outdir, app.builder.imagedir).glob("*.png"):
        if picture.with_suffix(".webp").exists():
            picture.unlink()
