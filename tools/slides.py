"""Slides: what a chapter marks of itself, as a deck of reveal.js beside the book's pages.

    python tools/slides.py         write slides/NAME.html for every chapter into the built book

A comment before a block of a chapter marks it; the page and the notebook do not show the comment:

    % slide                    a new slide begins with this block, under the heading of its section
    % slide: Another heading   the same, under another heading
    % also                     the block joins the slide
    % then                     it joins, and appears at the next click: first the question, then this
    % then 2/5                 of a paragraph of five lines, the first two; another number of lines is an error

A cell that draws gives its picture, a cell that prints gives its code, and what it prints at the next click.
What stands between the marks becomes the speaker's notes. The deck loads nothing from another host.
"""

import copy
import importlib.util
import re
import shutil
import sys
from html import escape
from pathlib import Path

from book import ROOT, notebook_chapters
from bs4 import BeautifulSoup, NavigableString
from docutils import nodes

MARK = re.compile(r"(slide|also|then)(?: (\d+)/(\d+))?(?:: .+)?")
HTML = ROOT / "_build" / "html"
# Of reveal.js only the distributed files are used, and so the package that carries them is not imported.
REVEAL = ("dist/reset.css", "dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js")


# In the book: comments become classes

def mark_blocks(_app, doctree) -> None:
    """Move each mark to the block that follows it, as a class; the title of a slide is found in the source."""
    for comment in list(doctree.findall(nodes.comment)):
        match = MARK.fullmatch(comment.astext().strip())
        if not match:
            continue
        siblings = comment.parent.children
        following = siblings[siblings.index(comment) + 1 :]
        block = next((node for node in following if not isinstance(node, nodes.comment | nodes.target)), None)
        if block is None or isinstance(block, nodes.section):
            raise ValueError(f"{doctree['source']}: no block of the section follows the mark '% {comment.astext()}'")
        if match[2] and not int(match[2]) <= int(match[3]) == lines_of(block):
            raise ValueError(f"{doctree['source']}: the mark '% {comment.astext()}' counts {match[3]} lines, "
                             f"the paragraph has {lines_of(block)}: {block.astext()[:40]}")
        block["classes"] += [match[1], *([f"sentences-{match[2]}"] if match[2] else [])]
        comment.parent.remove(comment)


def lines_of(block) -> int:
    """The lines of the source that a paragraph takes; 0 for any other block."""
    if not isinstance(block, nodes.paragraph):
        return 0
    return 1 + sum(child.astext().count("\n") for child in block.children if isinstance(child, nodes.Text))


def setup(app):
    app.connect("doctree-read", mark_blocks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


# After the book: its pages become decks

def titles(chapter: Path) -> list[str]:
    """The own heading of each slide of a chapter, "" where it has the heading of its section."""
    return re.findall(r"(?m)^% slide(?: \d+/\d+)?(?:: (.+))?$", chapter.read_text())


def marked(tag) -> str | None:
    return next((kind for kind in ("slide", "also", "then") if kind in tag.get("class", [])), None)


def blocks(section):
    """The marked blocks and the unmarked paragraphs below an element, in their order."""
    for child in section.find_all(True, recursive=False):
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
    article = BeautifulSoup(page.read_text(), "html.parser").find("article")
    own, deck, early = iter(titles(chapter)), [], []
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
    source = BeautifulSoup(page.read_text(), "html.parser")
    title = words(source.find("h1").find(string=lambda text: isinstance(text, NavigableString) and text.strip()))
    math = "".join(str(script).replace("../../_static", "../_static")
                   for script in source.head.find_all("script") if "MathJax" in str(script) or "mathjax" in str(script))
    sections = [
        f'<section class="title-slide"><h1>{escape(title)}</h1><p>Loss functions: an executable textbook</p></section>',
        *(section(slide) for slide in deck),
    ]
    back = f"../{chapter.relative_to(ROOT).with_suffix('.html').as_posix()}"
    interactive = any(part.find(class_="interactive") for slide in deck for part, _ in slide["parts"])
    script = '<script defer src="../_static/interactive.js"></script>' if interactive else ""
    return f"""<!DOCTYPE html>
<html lang="en" data-theme="light">
<head>
<meta charset="utf-8">
<title>{escape(title)}: slides</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="../_static/favicon.svg">
<link rel="stylesheet" href="../_static/pygments.css">
<link rel="stylesheet" href="../_static/reveal/dist/reset.css">
<link rel="stylesheet" href="../_static/reveal/dist/reveal.css">
<link rel="stylesheet" href="../_static/slides.css">
</head>
<body>
<main class="reveal"><div class="slides">
{"".join(sections)}
</div></main>
<a class="back" href="{back}">To the chapter</a>
{math}
<script src="../_static/reveal/dist/reveal.js"></script>
<script src="../_static/reveal/plugin/notes/notes.js"></script>
{script}
<script src="../_static/slides.js"></script>
</body>
</html>
"""


def section(slide: dict) -> str:
    parts = "".join(f'<div class="part{" fragment" * waits}">{part}</div>' for part, waits in slide["parts"])
    notes = "".join(f"<p>{escape(note)}</p>" for note in slide["notes"])
    parts = parts.replace("../../_images", "../_images")
    return f'<section><h2>{slide["heading"]}</h2>{parts}<aside class="notes">{notes}</aside></section>\n'


def deck_path(chapter: Path) -> Path:
    return HTML / "slides" / f"{chapter.stem}.html"


def has_slides(chapter: Path) -> bool:
    return bool(titles(chapter))


def write() -> list[Path]:
    """Write the deck of every chapter that has one, and reveal.js beside them."""
    package = Path(importlib.util.find_spec("sphinx_revealjs").origin).parent
    for name in REVEAL:
        target = HTML / "_static" / "reveal" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(package / "_static" / "revealjs" / name, target)
    written = []
    for chapter in filter(has_slides, notebook_chapters()):
        page = HTML / chapter.relative_to(ROOT).with_suffix(".html")
        deck_path(chapter).parent.mkdir(exist_ok=True)
        deck_path(chapter).write_text(deck_html(chapter, slides_of(page, chapter), page))
        written.append(deck_path(chapter))
    return written


def main() -> int:
    if not (HTML / "index.html").exists():
        print("The slides are made of the built book: run make book first.")
        return 1
    for path in write():
        print(path.as_uri())
    return 0


if __name__ == "__main__":
    sys.exit(main())
