"""Slides: what a chapter marks of itself, as a deck of reveal.js beside the book's pages.

tools/pages/slide_marks.py says how a block is marked. A cell that draws gives its picture, a cell that prints gives its
code, and what it prints at the next click. What stands between the marks becomes the speaker's notes.
The deck loads nothing from another host.
"""

import copy
import importlib.util
import re
import shutil
from html import escape
from pathlib import Path

from bs4 import BeautifulSoup, NavigableString

from tools.chapter import slide_titles
from tools.layout import HTML, address_of, notebook_chapters
from tools.shapes.article import fill

DECKS = HTML / "slides"
# Of reveal.js only the distributed files are used, and so the package that carries them is not imported.
REVEAL = ("dist/reset.css", "dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js")


def marked(tag) -> str | None:
    return next((kind for kind in ("slide", "also", "then") if kind in tag.get("class", [])), None)


def blocks(section):
    """The marked blocks and the unmarked paragraphs below an element, in their order; not when it was last run."""
    for child in section.find_all(True, recursive=False):
        if "stamp" in child.get("class", []):
            continue
        if marked(child) or child.name in ("p", "ul", "ol"):
            yield child
        elif child.name in ("section", "div", "details") and "question" not in child.get("class", []):
            yield from blocks(child)


def cut(block):
    """The sentences of a paragraph that a slide shows, and the text of those that it leaves to the speaker."""
    wanted = next((int(name[10:]) for name in block.get("class", []) if name.startswith("sentences-")), None)
    kept, rest, lines = copy.copy(block), "", 0
    for child in list(kept.children) if wanted else []:
        if lines >= wanted:
            rest += child.extract().get_text()
        elif isinstance(child, NavigableString):
            head = child.split("\n")
            lines += len(head) - 1
            if lines >= wanted:
                here = len(head) - (lines - wanted) - 1
                rest += " ".join(head[here:])
                child.replace_with(NavigableString("\n".join(head[:here])))
    return kept, words(rest)


def content(block) -> list:
    """What a slide shows of a block, the parts that come one click after the other."""
    for unwanted in block.select("a.headerlink, button, figcaption"):
        unwanted.decompose()
    for tag in block.find_all(True):
        for name in ("id", "loading", "style") if "math" not in tag.get("class", []) else ("id",):
            if not (name == "style" and "interactive" in tag.get("class", [])):
                tag.attrs.pop(name, None)
    block.attrs.pop("id", None)
    if "cell" not in block.get("class", []):
        return [block]
    figure = block.find("figure")
    parts = [figure] if figure else [block.find(class_="cell_input"), block.find(class_="cell_output")]
    return [part for part in parts if part]


def words(text: str) -> str:
    return " ".join(text.split())


def heading_of(block) -> str:
    heading = block.find_parent("section").find(re.compile("^h[1-6]$"), recursive=False)
    inner = BeautifulSoup(heading.decode_contents(), "html.parser")
    for unwanted in inner.select("a.headerlink, .section-number"):
        unwanted.decompose()
    return inner.decode_contents().strip()


def code(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text)


def slides_of(page: Path, chapter: Path) -> list[dict]:
    """Each slide as a dict of heading, parts (each with whether it waits for a click) and notes."""
    article = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").find("article")
    own, deck, early = iter(slide_titles(chapter.read_text(encoding="utf-8"))), [], []
    for block in blocks(article):
        kind = marked(block)
        if kind is None:
            (deck[-1]["notes"] if deck else early).append(words(block.get_text()))
            continue
        if kind == "slide":
            deck.append({"heading": code(escape(next(own))) or heading_of(block), "parts": [], "notes": early})
            early = []
        if not deck:
            raise ValueError(f"{chapter}: the mark '% {kind}' stands before the first '% slide'")
        block, left = cut(block)
        deck[-1]["notes"] += [left] if left else []
        first, *rest = content(block)
        deck[-1]["parts"] += [(first, kind == "then"), *((part, True) for part in rest)]
    return deck


def deck_html(chapter: Path, deck: list[dict], page: Path) -> str:
    source = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    title = words(source.find("h1").find(string=lambda text: isinstance(text, NavigableString) and text.strip()))
    math = "".join(str(script).replace("../../_static", "../_static")
                   for script in source.head.find_all("script") if "MathJax" in str(script) or "mathjax" in str(script))
    sections = [
        f'<section class="title-slide"><h1>{escape(title)}</h1><p>Loss functions: an executable textbook</p></section>',
        *(section(slide) for slide in deck),
    ]
    back = f"../{address_of(chapter)}"
    interactive = any(part.find(class_="interactive") for slide in deck for part, _ in slide["parts"])
    script = '<script defer src="../_static/interactive.js"></script>' if interactive else ""
    return fill("deck.html", title=escape(title), sections="".join(sections), back=back, math=math, script=script)


def section(slide: dict) -> str:
    parts = "".join(f'<div class="part{" fragment" * waits}">{part}</div>' for part, waits in slide["parts"])
    notes = "".join(f"<p>{escape(note)}</p>" for note in slide["notes"])
    parts = parts.replace("../../_images", "../_images")
    return f'<section><h2>{slide["heading"]}</h2>{parts}<aside class="notes">{notes}</aside></section>\n'


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
        page = HTML / address_of(chapter)
        deck = deck_html(chapter, slides_of(page, chapter), page)
        (DECKS / f"{chapter.stem}.html").write_text(deck, encoding="utf-8")
