"""Take pictures of every page, wide, at the width of a phone and dark, into _build/screenshots.

    python -m tools.checks.screenshots             every page
    python -m tools.checks.screenshots focal       only pages whose address has this word
    python -m tools.checks.screenshots --readme    docs/book.png, the picture of the README

Figures with sliders are alive in the pictures, and solutions are folded, as a reader finds them.
"""

import io
import sys

from PIL import Image

from tools.browser import PAGES, chromium, load_pictures, missing, open_figures, open_page, served, use_theme
from tools.layout import HTML, ROOT

FOLDER = HTML.parent / "screenshots"
LOOKS = {"wide": (1280, "light"), "phone": (360, "light"), "dark": (1280, "dark")}
TALLEST = 16_000  # pixels; Chromium's pictures end there, so a longer page gets several


def take(tab, name: str) -> int:
    """Picture the page from top to bottom, in pieces; return their number."""
    height = tab.evaluate("document.documentElement.scrollHeight")
    width = tab.viewport_size["width"]
    pieces = range(0, height, TALLEST)
    for number, top in enumerate(pieces, 1):
        clip = {"x": 0, "y": top, "width": width, "height": min(TALLEST, height - top)}
        file = f"{name}.png" if len(pieces) == 1 else f"{name}-{number}.png"
        tab.screenshot(path=FOLDER / file, full_page=True, clip=clip, animations="disabled")
    return len(pieces)


def picture_for_the_readme() -> None:
    """The sliders of the chapter on focal loss, as a reader sees them."""
    with served() as site, chromium() as browser:
        tab = browser.new_page(viewport={"width": 1200, "height": 720}, color_scheme="light")
        open_page(tab, site + "chapters/imbalance/focal.html")
        open_figures(tab)
        tab.locator("#fig-focal-sliders").evaluate("figure => figure.scrollIntoView({block: 'center'})")
        taken = Image.open(io.BytesIO(tab.screenshot(animations="disabled"))).convert("RGB")
        taken.quantize(64).save(ROOT / "docs" / "book.png", optimize=True)  # a third of the bytes


def main(words: list[str]) -> int:
    if reason := missing():
        print(reason)
        return 1
    if words == ["--readme"]:
        picture_for_the_readme()
        return 0
    pages = [page for page in PAGES if all(word in page for word in words)]
    FOLDER.mkdir(parents=True, exist_ok=True)
    with served() as site, chromium() as browser:
        for page in pages:
            name = page.removeprefix("chapters/").removesuffix(".html").replace("/", "-")
            for look, (width, theme) in LOOKS.items():
                tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
                open_page(tab, site + page)
                use_theme(tab, theme)
                open_figures(tab)
                load_pictures(tab)
                tab.evaluate("scrollTo(0, 0)")
                take(tab, f"{name}-{look}")
                tab.close()
            print(f"{page}: {', '.join(LOOKS)}", flush=True)
    print(f"The pictures are in {FOLDER}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
