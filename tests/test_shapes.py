"""The EPUB and the PDF, as they were built: complete, valid, with working links, and nothing cut off."""

import functools
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup
from conftest import need
from PIL import Image
from pypdf import PdfReader

from tools.layout import HTML, published_url
from tools.shapes import article, epub, pdf

XHTML = "{http://www.w3.org/1999/xhtml}"
MATHML = "{http://www.w3.org/1998/Math/MathML}"
POINTS = 72 / 25.4  # in a millimetre
PAGE = """<html><article class="bd-article"><section id="one"><h1>1. One<a class="headerlink" href="#one">#</a></h1>
<nav class="page-links"><a href="https://colab.example/x">Open in Colab</a><a href="../_sources/x.md">Source</a></nav>
<p>With <span class="math" style="--em: 1">\\(a &lt; b\\)</span> and <a href="two.html#here">two</a>,
<a href="../slides/one.html">slides</a>, <a href="https://doi.example/a<b>c">a paper</a>.</p>
<div class="math" id="eq"><span class="eqno">(1.1)</span>\\[x\\]</div>
<div class="question admonition" data-right="1"><div class="choices" role="radiogroup">
<label><input type="radio"/><span>Yes.</span></label></div>
<details class="reasons admonition"><summary class="admonition-title">Answers</summary><p>Right.</p></details></div>
<details class="admonition hide"><summary>Show code</summary><pre>code</pre></details>
<a class="image-reference" href="../_images/a.webp">
<img alt="A line." decoding="async" src="../_images/a.webp" width="9"/></a>
</section></article></html>"""


def program(name: str) -> str:
    need(None if shutil.which(name) else f"no {name} on this machine")
    return shutil.which(name)


def built(kind: str) -> Path:
    file = HTML / article.FILES[kind]
    need(None if file.exists() else f"no {file.name} beside the pages: run make {kind.lower()}")
    return file


# How a page changes

@pytest.fixture
def read(tmp_path, monkeypatch):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "one.html").write_text(PAGE, encoding="utf-8")
    monkeypatch.setattr(article, "HTML", tmp_path)
    monkeypatch.setattr(article, "parts", lambda: [("", ["chapters/index"]), ("I", ["chapters/one", "chapters/two"])])
    link, picture = (lambda page, place: f"{page}+{place}"), (lambda path: path.name)
    return lambda *, folds: article.article("chapters/one", link, picture, folds=folds)


def test_links_lead_into_the_book_or_to_the_web(read):
    links = {tag.get_text(): tag["href"] for tag in read(folds=True).find_all("a")}
    assert links == {
        "This page on the web": f"{published_url()}chapters/one.html",
        "Open in Colab": "https://colab.example/x",
        "two": "chapters/two+here",
        "slides": f"{published_url()}slides/one.html",
        "a paper": "https://doi.example/a%3Cb%3Ec",
    }


def test_a_formula_holds_its_tex_and_keeps_its_number(read):
    soup = read(folds=True)
    assert article.FORMULA.findall(str(soup)) == [("", "a &lt; b"), ("block", "x")]
    assert soup.find(id="eq").get_text() == "(1.1)x"


def test_a_question_becomes_a_list_and_a_solution_folds_only_where_it_can(read):
    assert read(folds=True).select_one(".question > ol > li").get_text() == "Yes."
    assert [tag["class"] for tag in read(folds=True).find_all("details")] == [["reasons", "admonition"]]
    assert not read(folds=False).find_all(["details", "summary", "input"])
    assert "Right." in read(folds=False).get_text()
    assert read(folds=True).pre.get_text() == "code"


def test_a_picture_keeps_its_words_and_its_size(read):
    assert read(folds=True).img.attrs == {"src": "a.webp", "alt": "A line.", "width": "9"}
    assert read(folds=True).img.parent.name == "section"


def test_the_front_page_offers_what_is_there_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(article, "HTML", tmp_path)
    front = tmp_path / f"{article.parts()[0][1][0]}.html"
    front.parent.mkdir()
    before = '<h1>A</h1><nav aria-label="This page" class="page-links noprint"><a href="x">Edit</a></nav>'
    front.write_text(before, encoding="utf-8")
    (tmp_path / "lossbook.pdf").touch()
    for _ in range(2):
        article.offer()
        links = BeautifulSoup(front.read_text(encoding="utf-8"), "html.parser").find_all("a")
        assert [(link["href"], link.text) for link in links] == [("../lossbook.pdf", "Download PDF"), ("x", "Edit")]
    (tmp_path / "lossbook.pdf").unlink()
    article.offer()
    assert front.read_text(encoding="utf-8") == before


@pytest.mark.usefixtures("built_book")
def test_the_built_front_page_offers_the_built_files():
    soup = BeautifulSoup((HTML / "chapters" / "index.html").read_text(encoding="utf-8"), "html.parser")
    offered = {link["href"] for link in soup.select(".page-links a.shape")}
    assert offered == {f"../{file}" for file in article.FILES.values() if (HTML / file).exists()}


# The EPUB

@functools.cache
def xhtml() -> dict[str, ElementTree.Element]:
    with zipfile.ZipFile(built("EPUB")) as archive:
        names = [name for name in archive.namelist() if name.endswith(".xhtml")]
        return {Path(name).stem: ElementTree.fromstring(archive.read(name)) for name in names}


@functools.cache
def originals() -> dict[str, BeautifulSoup]:
    """The pages that the shapes were made of."""
    found = {}
    for page, name in article.pages().items():
        text = (HTML / f"{page}.html").read_text(encoding="utf-8")
        found[name] = BeautifulSoup(text[text.index("<article") : text.index("</article>")], "html.parser")
    return found


def test_epubcheck_finds_nothing_in_the_epub():
    file, tool = built("EPUB"), os.path.realpath(program("epubcheck"))
    command = ["java", "-jar", tool] if tool.endswith(".jar") else [tool]  # Debian's is a bare archive
    done = subprocess.run([*command, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No errors or warnings detected" in done.stdout + done.stderr


def test_the_epub_holds_every_page_in_the_order_of_the_book():
    assert list(xhtml()) == ["cover", "title", "contents", *article.pages().values()]
    links = [link.get("href") for link in xhtml()["contents"].find(f".//{XHTML}nav").iter(f"{XHTML}a")]
    assert [link.removesuffix(".xhtml") for link in links if "#" not in link] == list(article.pages().values())
    assert any("#" in link for link in links)


def test_each_formula_of_the_epub_is_mathml_with_its_tex():
    for name, soup in originals().items():
        formulas = list(xhtml()[name].iter(f"{MATHML}math"))
        assert len(formulas) == len(soup.select(".math"))
        assert all(formula.get("alttext") and len(formula) for formula in formulas)
        prose = "".join(xhtml()[name].itertext())
        assert r"\(" not in re.sub(r"(?s)\bre\.\w+\(.*?\)", "", prose) or name in ("api",)


def test_each_picture_of_the_epub_is_drawn_by_every_reader_and_has_words():
    with zipfile.ZipFile(built("EPUB")) as archive:
        names = {name.removeprefix("book/") for name in archive.namelist()}
        for name, soup in originals().items():
            pictures = list(xhtml()[name].iter(f"{XHTML}img"))
            assert [picture.get("alt") for picture in pictures] == [picture["alt"] for picture in soup.find_all("img")]
            assert all(picture.get("src") in names for picture in pictures)
        assert {Path(name).suffix for name in names if name.startswith("images/")} <= {".png", ".svg"}
        with archive.open("book/images/cover.png") as cover:
            assert Image.open(cover).size == (1600, 2263)


def test_no_link_of_the_epub_leads_to_the_web_for_a_page_that_it_holds():
    pages = {f"{published_url()}{page}.html" for page in article.pages()}
    for name, root in xhtml().items():
        leading_out = [link for link in root.iter(f"{XHTML}a") if link.get("href", "").split("#")[0] in pages]
        assert {link.text for link in leading_out} <= {"This page on the web"}, name


def test_the_same_files_make_the_same_epub(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(epub.zipped({"book/a.xhtml": b"text", "book/b.png": b"picture"}))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes()[30:58] == b"mimetypeapplication/epub+zip"


# The PDF

@functools.cache
def texts() -> list[str]:
    """The text of each page of the PDF."""
    command = [program("pdftotext"), "-raw", str(built("PDF")), "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\f")[:-1]


@functools.cache
def reader() -> PdfReader:
    return PdfReader(built("PDF"))


def squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)


def test_each_page_of_the_pdf_says_its_number():
    for number, text in enumerate(texts(), 1):
        assert str(number) in text.splitlines()[:3] or number < 3


def test_the_contents_of_the_pdf_say_where_each_chapter_and_section_begins():
    numbers = pdf_places()
    listed = squeezed("".join(texts()[2 : min(numbers.values()) - 1]))
    for name, soup in originals().items():
        sections = [section for section in soup.select("section > h2") if re.match(r"\d", section.get_text())]
        titles = {name: article.ABOUT if name == "index" else heading(soup)}
        titles |= {f"{name}--{section.parent['id']}": heading(section) for section in sections}
        for place, title in titles.items():
            assert squeezed(f"{title}{numbers[place]}") in listed
            assert squeezed(title) in squeezed(texts()[numbers[place] - 1])


def heading(tag) -> str:
    title = tag.h1 or tag
    return title.get_text().removesuffix("#")


@functools.cache
def pdf_places() -> dict[str, int]:
    return pdf.places(built("PDF").read_bytes())


def test_each_link_inside_the_pdf_has_its_place():
    known, inside, outside = {*pdf_places()}, 0, set()
    for page in reader().pages:
        for note in page.get("/Annots") or []:
            note = note.get_object()
            action = note.get("/A", {})
            if "/URI" in action:
                outside.add(action["/URI"])
            else:
                inside += 1
                assert note["/Dest"].lstrip("/") in known
    assert inside > sum(len(soup.select("a.internal")) for soup in originals().values()) * 0.9
    assert not [link for link in outside if not re.match("https?://", link) or "127.0.0.1" in link]


def test_the_outline_of_the_pdf_has_the_parts_and_the_chapters_below_them():
    outline = reader().outline
    titles = [item.title for item in outline if not isinstance(item, list)]
    assert titles == [article.ABOUT, *(caption for caption, _ in article.parts() if caption)]
    below = [item.title for part in outline if isinstance(part, list) for item in part if not isinstance(item, list)]
    titles = [squeezed(heading(soup)) for soup in originals().values()]
    assert [title for title in map(squeezed, below) if title in titles] == titles[1:]


def test_the_pdf_shows_every_solution_and_every_figure():
    words = squeezed("".join(texts()))
    for soup in originals().values():
        for title in soup.select("details.solution > summary, details.reasons > summary"):
            assert squeezed(title.get_text()) in words
        for number in soup.select("figcaption .caption-number"):
            assert squeezed(number.get_text()) in words


def test_nothing_reaches_into_the_margins_of_the_pdf(tmp_path):
    command = [program("pdftoppm"), "-r", "18", "-gray", "-f", "2", str(built("PDF")), str(tmp_path / "page")]
    subprocess.run(command, check=True)
    drawn = sorted(tmp_path.iterdir())
    assert len(drawn) == len(texts()) - 1
    for number, file in enumerate(drawn, 2):
        page = Image.open(file)
        width, height = page.size
        for left, top, right, bottom in ((0, 0, 23, 297), (187, 0, 210, 297), (0, 277, 95, 297), (115, 277, 210, 297)):
            box = (left / 210 * width, top / 297 * height, right / 210 * width, bottom / 297 * height)
            assert page.crop(tuple(map(round, box))).getextrema()[0] > 250, f"page {number}"
