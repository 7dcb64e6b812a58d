"""Slides: what a chapter marks of itself, as a deck of reveal.js beside the book's pages.

tools/shapes/slide_blocks.py reads the marked blocks of a page, tools/shapes/slide_frame.py adds what every deck has.
Text and figure stand beside each other; theme/static/slides.js makes the type as large as the slide has room.
The deck loads nothing from another host.
"""

import importlib.util
import shutil
from html import escape
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import urlsplit

from bs4 import BeautifulSoup

from tools.chapter import slide_titles
from tools.layout import HTML, address_of, notebook_chapters
from tools.shapes.article import fill
from tools.shapes.slide_blocks import slides_of
from tools.shapes.slide_frame import framed, title

DECKS = HTML / "slides"
# Of reveal.js only the distributed files are used, and so the package that carries them is not imported.
REVEAL = ("dist/reset.css", "dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js")
WIDE = 2.2  # a figure that is wider, compared with its height, stands below its text and not beside it


def mend_links(sections: str, page: str) -> str:
    """The slides with addresses that hold in the folder of the decks."""
    soup = BeautifulSoup(sections, "html.parser")
    for tag in soup.select("[href], [src]"):
        name = "href" if "href" in tag.attrs else "src"
        parts = urlsplit(tag[name])
        if not parts.scheme:
            path = normpath(join(dirname(page), parts.path)) if parts.path else page
            tag[name] = f"../{path}{'#' * bool(parts.fragment)}{parts.fragment}"
    return str(soup)


def deck_html(page: Path, chapter: Path) -> str:
    """The deck of a chapter, from its page."""
    source = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    article = source.article
    math = "".join(str(script).replace("../../_static", "../_static")
                   for script in source.head.find_all("script") if "MathJax" in str(script) or "mathjax" in str(script))
    deck = framed(slides_of(page, chapter), article, chapter)
    sections = mend_links("".join([title(article), *map(section, deck)]), address_of(chapter))
    interactive = '<script defer src="../_static/interactive.js"></script>' if 'class="interactive"' in sections else ""
    name = escape(" ".join(article.h1.find(string=lambda text: text.parent.name == "h1" and text.strip()).split()))
    return fill("deck.html", title=name, sections=sections, back=f"../{address_of(chapter)}", math=math,
                script=interactive)


def section(slide: dict) -> str:
    """One slide: what comes later carries the number of its click."""
    shown, click = [], 0
    for part, waits in slide["parts"]:
        number = f' data-fragment-index="{click}"' if waits else ""
        click += waits
        shown.append((part, f'<div class="part{" fragment" * waits}"{number}>{part}</div>'))
    pictures = [html for part, html in shown if beside(part)]
    columns = len(pictures) == 1 < len(shown) and not any(part.find("pre") or part.name == "table" for part, _ in shown)
    if columns:
        text = "".join(html for part, html in shown if not beside(part))
        body = f'<div class="inner columns"><div>{text}</div>{pictures[0]}</div>'
    else:
        body = f'<div class="inner">{"".join(html for _, html in shown)}</div>'
    notes = "".join(f"<p>{escape(note)}</p>" for note in slide["notes"])
    kind = f' class="{slide["kind"]}"' if "kind" in slide else ""
    return (f'<section{kind}><h2>{slide["heading"]}</h2><div class="body">{body}</div>'
            f'<aside class="notes">{notes}</aside></section>\n')


def beside(part) -> bool:
    """Whether a part is a figure that leaves room for text beside it."""
    image = part.find("img") if part.name == "figure" and not part.find(class_="interactive") else None
    return image is not None and int(image.get("width", 1)) < WIDE * int(image.get("height", 1))


def has_slides(chapter: Path) -> bool:
    return bool(slide_titles(chapter.read_text(encoding="utf-8")))


def write() -> None:
    """Write the deck of every chapter that has one, and reveal.js beside them."""
    package = Path(importlib.util.find_spec("sphinx_revealjs").origin).parent
    for name in REVEAL:
        target = HTML / "_static" / "reveal" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(package / "_static" / "revealjs" / name, target)
    shutil.rmtree(DECKS, ignore_errors=True)
    DECKS.mkdir()
    for chapter in filter(has_slides, notebook_chapters()):
        (DECKS / f"{chapter.stem}.html").write_text(deck_html(HTML / address_of(chapter), chapter), encoding="utf-8")
