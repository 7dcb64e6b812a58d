"""Write the book as an EPUB 3 beside its pages: _build/html/lossbook.epub.

    python -m tools.shapes.epub

Formulas are the MathML that MathJax makes of them, each with its TeX as alternative text; pictures are PNG and SVG.
The same pages give the same bytes: every time in the file is that of CITATION.cff.
"""

import io
import re
import sys
import uuid
import zipfile
from html import escape, unescape
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image

from tools.browser import chromium, served
from tools.layout import parts, published_url
from tools.pages import card
from tools.shapes import article
from tools.shapes.article import AUTHORS, CITATION, FORMULA, SUBTITLE, TITLE, pages

RELEASED = CITATION["date-released"]
KINDS = {".xhtml": "application/xhtml+xml", ".png": "image/png", ".svg": "image/svg+xml", ".css": "text/css"}
MATHJAX = """<!DOCTYPE html>
<script>window.MathJax = {startup: {typeset: false}}</script>
<script src="_static/mathjax/tex-chtml.js"></script>
"""


def mathml(formulas: list[tuple[str, bool]]) -> list[str]:
    """The MathML of each (TeX, whether it stands alone), as MathJax makes it for the pages."""
    with served() as site, chromium() as browser:
        tab = browser.new_page()
        tab.set_default_timeout(600_000)  # a busy machine is no failure
        tab.route("**/formulas.html", lambda route: route.fulfill(body=MATHJAX, content_type="text/html"))
        tab.goto(f"{site}formulas.html")
        made = tab.evaluate(
            """async formulas => {
              await MathJax.startup.promise;
              return formulas.map(([tex, display]) => MathJax.tex2mml(tex, {display}));
            }""",
            formulas,
        )
    return [portable(math, tex) for math, (tex, _) in zip(made, formulas, strict=True)]


def portable(math: str, tex: str) -> str:
    """MathML without what only MathJax knows, and with its source as alternative text."""
    if "<merror" in math:
        raise ValueError(f"MathJax does not know {tex!r}: {math}")
    math = re.sub(r' data-mjx-[\w-]+="[^"]*"', "", math)
    math = re.sub(r'mathvariant="-tex-calligraphic"', 'mathvariant="script"', math)
    math = re.sub(r' mathvariant="-tex-[\w-]+"', "", math)
    return math.replace("<math ", f'<math alttext="{escape(" ".join(tex.split()))}" ', 1)


def picture(source: Path, files: dict[str, bytes]) -> str:
    """Put a picture into the book and return its address; WebP becomes PNG, which every reader draws."""
    if source.suffix == ".svg":
        name, data = f"images/{source.name}", source.read_bytes()
    else:
        drawn = io.BytesIO()
        name = f"images/{source.stem[:16]}.png"
        if f"book/{name}" not in files:
            Image.open(source).save(drawn, "PNG")
        data = files.get(f"book/{name}", drawn.getvalue())
    files[f"book/{name}"] = data
    return name


def contents(chapters: dict[str, tuple[str, list[tuple[str, str]]]]) -> str:
    """The navigation: the parts, their pages, and the sections of these."""
    names = pages()

    def item(page: str) -> str:
        title, found = chapters[page]
        inner = "".join(f'<li><a href="{names[page]}.xhtml#{place}">{escape(text)}</a></li>' for place, text in found)
        below = f"<ol>{inner}</ol>" if inner and page != parts()[0][1][0] else ""
        return f'<li><a href="{names[page]}.xhtml">{escape(title)}</a>{below}</li>\n'

    listed = ""
    for caption, part in parts():
        items = "".join(map(item, part))
        listed += f"<li><span>{escape(caption)}</span><ol>\n{items}</ol></li>\n" if caption else items
    first = names[parts()[0][1][0]]
    return (
        f'<nav epub:type="toc" role="doc-toc" id="toc"><h1>Contents</h1>\n<ol>\n{listed}</ol></nav>\n'
        '<nav epub:type="landmarks" hidden=""><h2>Landmarks</h2><ol>'
        '<li><a epub:type="cover" href="cover.xhtml">Cover</a></li>'
        '<li><a epub:type="toc" href="contents.xhtml#toc">Contents</a></li>'
        f'<li><a epub:type="bodymatter" href="{first}.xhtml">Text</a></li></ol></nav>'
    )


def title_page() -> str:
    site = published_url()
    return (
        f'<section class="title-page" epub:type="titlepage"><h1>{TITLE}</h1><p class="subtitle">{SUBTITLE}</p>'
        f"<p>{escape(AUTHORS)}</p>"
        f'<p>Version {CITATION["version"]}, {RELEASED}. On the web, where figures move and every chapter can be run: '
        f'<a href="{site}">{site}</a></p>'
        "<p>The text is under CC BY 4.0, the code under the BSD 3-Clause licence.</p></section>"
    )


def read_pages(files: dict[str, bytes]):
    """The text of every page with its TeX, and its title and sections."""
    names, texts, chapters = pages(), {}, {}
    for page in names:
        soup = article.article(
            page,
            link=lambda name, place: f"{names[name]}.xhtml" + f"#{place}" * bool(place),
            picture=lambda source: picture(source, files),
            folds=True,
        )
        chapters[page] = article.heading(soup), article.sections(soup)
        texts[page] = str(soup)
    return texts, chapters


def make() -> dict[str, bytes]:
    """Every file of the EPUB and its bytes, in the order in which a reader meets them."""
    files: dict[str, bytes] = {"META-INF/container.xml": article.theme("container.xml").encode()}
    names = pages()
    texts, chapters = read_pages(files)
    formulas = (formula for text in texts.values() for formula in FORMULA.findall(text))
    found = dict.fromkeys((unescape(tex), bool(block)) for block, tex in formulas)
    made = dict(zip(found, mathml(list(found)), strict=True))

    def xhtml(name: str, title: str, body: str, attributes: str = "") -> None:
        text = article.fill("page.xhtml", title=escape(title), body=body, attributes=attributes)
        ElementTree.fromstring(text)  # a reader refuses a page that is no XML
        files[f"book/{name}.xhtml"] = text.encode()

    files["book/images/cover.png"] = card.draw(card.COVER, TITLE, SUBTITLE, AUTHORS)
    files["book/book.css"] = (article.theme("book.css") + article.code_colours() + article.theme("epub.css")).encode()
    front = f'<img src="images/cover.png" alt="{escape(card.COVER.alt)}"/>'
    xhtml("cover", "Cover", front, ' epub:type="cover" class="cover"')
    xhtml("title", TITLE, title_page())
    xhtml("contents", "Contents", contents(chapters))
    for page, text in texts.items():
        text = FORMULA.sub(lambda match: made[unescape(match[2]), bool(match[1])], text)
        xhtml(names[page], chapters[page][0], text)
    files["book/book.opf"] = package(files).encode()
    return files


def package(files: dict[str, bytes]) -> str:
    items, spine = [], []
    for file, data in files.items():
        if not file.startswith("book/"):
            continue
        href = file.removeprefix("book/")
        name = "f-" + re.sub(r"\W", "-", href)
        found = [
            *(["nav"] if href == "contents.xhtml" else []),
            *(["cover-image"] if href == "images/cover.png" else []),
            *(["mathml"] if href.endswith(".xhtml") and b"<math " in data else []),
            *(["svg"] if href.endswith(".xhtml") and b"<svg " in data else []),
        ]
        properties = f' properties="{" ".join(found)}"' if found else ""
        items.append(f'<item id="{name}" href="{href}" media-type="{KINDS[Path(href).suffix]}"{properties}/>')
        if href.endswith(".xhtml"):
            spine.append(f'<itemref idref="{name}"/>')
    return article.fill(
        "package.opf",
        identifier=uuid.uuid5(uuid.NAMESPACE_URL, published_url()),
        title=escape(CITATION["title"]),
        authors=escape(AUTHORS),
        released=RELEASED,
        site=published_url(),
        subjects="\n".join(f"<dc:subject>{escape(word)}</dc:subject>" for word in CITATION["keywords"]),
        cover="f-images-cover-png",
        items="\n".join(items),
        spine="\n".join(spine),
    )


def zipped(files: dict[str, bytes]) -> bytes:
    """All files in one; the first says what this is, and is not compressed."""
    moment = (RELEASED.year, RELEASED.month, RELEASED.day, 0, 0, 0)
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, data in {"mimetype": b"application/epub+zip", **files}.items():
            packed = name != "mimetype" and not name.endswith(".png")
            info = zipfile.ZipInfo(name, moment)
            info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            archive.writestr(info, data)
    return whole.getvalue()


if __name__ == "__main__":
    sys.exit(article.publish("EPUB", lambda: zipped(make())))
