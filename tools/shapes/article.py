"""The book in other shapes: what tools/shapes/epub.py and tools/shapes/pdf.py share.

Both read the built pages. Here each page loses what only a screen can use: links to itself, forms, scripts, sliders
(the still picture of an interactive figure stays). Whatever is not in the book keeps its address on the web.
"""

import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from posixpath import dirname, join, normpath
from string import Template
from urllib.parse import quote, urlsplit

from bs4 import BeautifulSoup, Tag
from pygments.formatters import HtmlFormatter

from tools.browser import missing
from tools.execute.run import one_build
from tools.layout import HTML, ROOT, citation, parts, published_url

FILES = {"EPUB": "lossbook.epub", "PDF": "lossbook.pdf"}
CITATION = citation()
TITLE, SUBTITLE = CITATION["title"].split(": ")
AUTHORS = ", ".join(author["name"] for author in CITATION["authors"])
ABOUT = "About this book"  # what the first page is called behind a cover that has the title
ADDRESS = "!#$%&'()*+,/:;=?@[]~"  # the signs that may stand in an address
FORMULA = re.compile(r'<math(?: display="(block)")?>(.*?)</math>', re.DOTALL)
OFFERED = re.compile(r'<a class="shape"[^>]*>[^<]*</a>')
KEPT_LINKS = {"Open in Colab", "Slides", "Repository"}


def theme(file: str) -> str:
    """The text of a file of theme/shapes."""
    return (ROOT / "theme" / "shapes" / file).read_text(encoding="utf-8")


def fill(template: str, **values: object) -> str:
    """A template of theme/shapes with a value for each `$place`."""
    return Template(theme(template)).substitute(values)


def code_colours() -> str:
    """The style sheet of the code. The package of this style configures Python's logging when it is asked for."""
    return HtmlFormatter(style="a11y-high-contrast-light").get_style_defs(".highlight")


def pages() -> dict[str, str]:
    """Every page and the short name that it has in another shape."""
    names = [page for _, part in parts() for page in part]
    short = {page: page.rsplit("/", 1)[1] for page in names}
    if len({*short.values()}) < len(short):
        raise ValueError("two pages of the book have one name")
    return short


def article(page: str, link: Callable[[str, str], str], picture: Callable[[Path], str], *, folds: bool):
    """The text of a page. `link` addresses a page and a place on it, `picture` a picture; with `folds`, solutions fold.

    A formula becomes an element `math` that holds its TeX, with display="block" where it stands alone.
    """
    text = (HTML / f"{page}.html").read_text(encoding="utf-8")
    text = text[text.index("<article") : text.index("</article>")]
    soup = BeautifulSoup(text, "html.parser").article
    soup.name, soup.attrs = "section", {"class": "page"}
    screen = "a.headerlink, script, .toctree-wrapper, .citation > .label, .fn-backref, pre > span:empty, svg.picture"
    for tag in soup.select(screen):
        tag.decompose()
    for tag in soup.select("svg[viewbox]"):  # what HTML may write in small letters
        tag["viewBox"] = tag.attrs.pop("viewbox")
    mend_links(soup, page, link)
    for tag in soup.select("a.image-reference, noscript"):
        tag.unwrap()
    for image in soup.find_all("img"):
        source = Path(normpath(join(HTML, dirname(page), image["src"])))
        kept = {name: image[name] for name in ("alt", "width", "height") if name in image.attrs}
        image.attrs = {"src": picture(source), **kept}
    show_questions(soup)
    unfold(soup, folds=folds)
    for formula in soup.select(".math"):
        mark_formula(formula)
    for tag in soup.find_all(class_="interactive"):
        del tag["style"]
    for tag in soup.find_all(lang=True):
        tag["xml:lang"] = tag["lang"]
    if page == parts()[0][1][0]:
        soup.h1.string = ABOUT
    return soup


def mend_links(soup, page: str, link: Callable[[str, str], str]) -> None:
    """Address the pages of the book by `link`, and everything else where it lies on the web."""
    bar, site = soup.find("nav", class_="page-links"), published_url()
    if bar is not None:
        bar.name, bar.attrs = "p", {"class": "page-links"}
        for tag in bar.find_all("a"):
            if tag.get_text() not in KEPT_LINKS:
                tag.decompose()
        here = BeautifulSoup(f'<a href="{site}{page}.html">This page on the web</a>', "html.parser")
        bar.insert(0, here)
    known = pages()
    for tag in soup.find_all("a", href=True):
        parts = urlsplit(tag["href"])
        if parts.scheme:
            tag["href"] = quote(tag["href"], safe=ADDRESS)
            continue
        target = normpath(join(dirname(page), parts.path)) if parts.path else f"{page}.html"
        name = target.removesuffix(".html")
        elsewhere = f"{site}{parts._replace(path=target).geturl()}"
        inside = name in known and not parts.query  # a state of the playground is on the web alone
        tag["href"] = link(name, parts.fragment) if inside else elsewhere
        tag.attrs.pop("download", None)


def show_questions(soup) -> None:
    """Show the answers of each self-check question as a list; the reasons follow it."""
    for box in soup.select(".question"):
        box.attrs.pop("data-right", None)
        for choices in box.select(".choices"):
            choices.name, choices.attrs = "ol", {}
            for choice in choices.find_all("label", recursive=False):
                choice.name = "li"
                choice.input.decompose()


def unfold(soup, *, folds: bool) -> None:
    """Show hidden code; show solutions and reasons, too, unless this shape can fold."""
    for box in soup.select("details"):
        summary = box.find("summary", recursive=False)
        if "hide" in box["class"]:
            summary.decompose()
            box.unwrap()
        elif not folds:
            box.name, summary.name = "div", "p"


def mark_formula(formula) -> None:
    number = formula.find(class_="eqno")
    if number is not None:
        number.extract()
    tex = re.sub(r"^\\[\[(]|\\[\])]$", "", formula.get_text().strip()).strip()
    math = Tag(name="math", attrs={"display": "block"} if formula.name == "div" else {})
    math.string = tex
    formula.attrs = {"class": ["math"], **({"id": formula["id"]} if "id" in formula.attrs else {})}
    formula.clear()
    for child in filter(None, (number, math)):
        formula.append(child)


def sections(soup) -> list[tuple[str, str]]:
    """The address on the page and the heading of each section, without those of the parts of a box."""
    found = []
    for section in soup.select("section[id] > h2"):
        found.append((section.parent["id"], " ".join(section.get_text().split())))
    return found


def heading(soup) -> str:
    return " ".join(soup.h1.get_text().split())


def offer() -> None:
    """Let the front page offer the shapes that lie beside it, and no other."""
    front = HTML / f"{parts()[0][1][0]}.html"
    text = OFFERED.sub("", front.read_text(encoding="utf-8"))
    up = "../" * parts()[0][1][0].count("/")
    links = "".join(
        f'<a class="shape" download="" href="{up}{escape(file)}">Download {name}</a>'
        for name, file in FILES.items()
        if (HTML / file).exists()
    )
    bar = re.search(r'<nav[^>]*class="page-links[^>]*>', text)
    front.write_text(text[: bar.end()] + links + text[bar.end() :], encoding="utf-8")


def publish(kind: str, make: Callable[[], bytes]) -> int:
    """Write a shape beside the pages, unless it is there; the status of the command."""
    if reason := missing():
        print(f"no {kind}: {reason}")
        return 1
    file = HTML / FILES[kind]
    with one_build():
        if not file.exists():
            file.write_bytes(make())
            offer()
    print(file.as_uri(), f"{file.stat().st_size / 1e6:.1f} MB")
    return 0
