"""The page for teachers and the page on accessibility: what they say is what the chapters and the tests have."""

import ast
import re
import xml.etree.ElementTree as ElementTree

import pytest
from bs4 import BeautifulSoup
from visit import WCAG

from tools.chapter import goals, read, tags
from tools.layout import HTML, ROOT, chapters, notebook_chapters
from tools.pages import maps, teaching
from tools.shapes import slides

REFERENCE = ROOT / "chapters" / "reference"
NAMES = [f"{path.parent.name}/{path.stem}" for path in chapters()[1:] if path.parent != REFERENCE]
PLAN = teaching.plan()
every_lecture = pytest.mark.parametrize("name", NAMES)


def links(name: str) -> set[str]:
    """The earlier chapters that a chapter links to."""
    found = re.findall(r"\{doc\}`[^`]*?([\w-]+)>?`", teaching.chapter_of(name).read_text(encoding="utf-8"))
    return {other for other in NAMES[: NAMES.index(name)] if other.split("/")[1] in found}


def first_used() -> dict[str, str]:
    """The chapter that notation.md names for each symbol that it lists once and that is more than a letter."""
    text = (REFERENCE / "notation.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| (\$.*?) \|.*\{doc\}`\.\./([\w/-]+)` \|$", text)
    pairs = [(symbol, home) for cell, home in rows for symbol in re.findall(r"\$(.+?),?\$", cell)]
    symbols = [symbol for symbol, _ in pairs]
    return {symbol: home for symbol, home in pairs if symbols.count(symbol) == 1 and len(symbol) > 1}


def borrowed(name: str) -> set[str]:
    """The earlier chapters one of whose symbols a chapter writes at least three times."""
    text = teaching.chapter_of(name).read_text(encoding="utf-8")
    formulas = re.findall(r"(?s)\$\$.+?\$\$|\$[^$\n]+\$|```\{math\}.*?```", text)
    text = "\n".join(formulas)
    often = {symbol for symbol in first_used() if len(re.findall(rf"(?<![\w\\]){re.escape(symbol)}(?!\w)", text)) > 2}
    return {first_used()[symbol] for symbol in often} & set(NAMES[: NAMES.index(name)])


def before(name: str) -> set[str]:
    """All chapters that come before one, by one arrow or by several."""
    return set().union(*({need, *before(need)} for need in PLAN[name]["needs"]))


def test_the_plan_holds_every_chapter_in_its_order():
    assert list(PLAN) == NAMES


@every_lecture
def test_an_arrow_stands_for_a_link_or_a_symbol(name):
    needs = set(PLAN[name]["needs"])
    assert needs <= links(name) | borrowed(name)
    assert not any(need in before(other) for need in needs for other in needs), "an arrow says nothing new"


@every_lecture
def test_every_earlier_chapter_that_is_linked_comes_before(name):
    assert links(name) <= before(name)


def test_a_missing_arrow_would_be_seen(monkeypatch):
    monkeypatch.setitem(PLAN, "imbalance/bake-off", {"needs": ["imbalance/focal"]})
    assert not links("imbalance/bake-off") <= before("imbalance/bake-off")


def test_the_picture_is_drawn_from_the_plan():
    assert maps.PICTURE.read_text(encoding="utf-8") == maps.picture(PLAN)
    drawn = [part.attrib for part in ElementTree.fromstring(maps.picture(PLAN)).iter()]
    arcs = sorted((part["data-from"], part["data-to"]) for part in drawn if "data-from" in part)
    assert arcs == sorted((need, name) for name, planned in PLAN.items() for need in planned["needs"])
    named = {part["data-page"]: part["class"] for part in drawn if "data-page" in part}
    assert named == {name: "chapter" if planned["needs"] else "root" for name, planned in PLAN.items()}


def test_the_picture_follows_the_plan():
    turned = PLAN | {"loss-and-metric/regression": {"needs": ["information-theory/entropy"]}}
    assert maps.picture(turned) != maps.picture(PLAN)


@every_lecture
def test_the_question_stands_in_the_chapter_before_a_cell(name):
    cells = read(teaching.chapter_of(name)).cells
    (place,) = [place for place, cell in enumerate(cells)
                if cell.cell_type == "markdown" and PLAN[name]["ask"] in cell.source.splitlines()]
    after = [cell for cell in cells[place + 1 :] if cell.section == cells[place].section]
    assert any(cell.cell_type == "code" and "remove-cell" not in tags(cell) for cell in after)


@every_lecture
def test_a_lecture_lists_what_its_chapter_has(name):
    text = teaching.chapter_of(name).read_text(encoding="utf-8")
    lines = "\n".join(teaching.lecture(name, PLAN[name]))
    assert lines.count("{ref}`") == text.count("```{exercise}") >= 5
    assert lines.count("has sliders") == text.count("plots.interactive(") >= 1
    assert len(re.findall(r"(?m)^  - ", lines)) == len(goals(text)) >= 3
    assert ("slides/" in lines) == slides.has_slides(teaching.chapter_of(name))
    assert PLAN[name]["minutes"] > 0


def test_every_lecture_stands_on_the_page_in_its_order():
    page = (REFERENCE / "teaching.md").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^```\{lecture\} (\S+)$", page) == NAMES
    assert "nobody has tried them with a class" in page


@pytest.fixture(scope="module")
def page(built_book):
    file = built_book / "chapters" / "reference" / "teaching.html"
    return BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")


def test_the_table_shows_what_the_chapters_have(page):
    rows = page.select("table tbody tr")
    assert len(rows) == len(NAMES)
    for row, name in zip(rows, NAMES, strict=True):
        assert row.a["href"].endswith(f"{name}.html")
        shown = [cell.get_text(strip=True) for cell in row.find_all("td")][1:]
        assert shown == [str(count or "–") for count in teaching.counts(name)]


def test_the_page_links_to_files_of_this_copy(page):
    found = {link["href"] for link in page.select("article a[href]")}
    beside = {href for href in found if re.search(r"student/|slides/|\.xml$", href)}
    wanted = {f"../../student/{path.stem}.ipynb" for path in notebook_chapters() if path.with_suffix(".ipynb").exists()}
    wanted |= {f"../../slides/{path.stem}.html" for path in notebook_chapters() if slides.has_slides(path)}
    wanted.add("../../lossbook-questions.xml")
    assert wanted <= beside
    assert [href for href in wanted if not (HTML / href.removeprefix("../../")).exists()] == []


def test_the_pages_link_to_each_other_and_the_front_page_to_both():
    front = (ROOT / "chapters" / "index.md").read_text(encoding="utf-8").split("## Teach from it")
    assert "{doc}`reference/teaching`" in front[1]
    assert "{doc}`reference/accessibility`" in "".join(front)
    assert "{doc}`accessibility`" in (REFERENCE / "teaching.md").read_text(encoding="utf-8")
    assert "{doc}`teaching`" in (REFERENCE / "accessibility.md").read_text(encoding="utf-8")


# Accessibility

def test_the_page_on_accessibility_names_tests_that_exist():
    text = (REFERENCE / "accessibility.md").read_text(encoding="utf-8")
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "tests").glob("test_*.py")]
    tests = {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}
    named = re.findall(r"`(test_\w+)`", text)
    assert len(named) > 10
    assert set(named) <= tests
    listed = re.search(r"(?s)## What is tested\n(.*?)\n## ", text)[1]
    assert [line for line in listed.splitlines() if line.startswith("- ") and "(`test_" not in line] == []


def test_the_page_on_accessibility_says_no_more_than_axe_is_asked():
    text = (REFERENCE / "accessibility.md").read_text(encoding="utf-8")
    assert "WCAG 2.0 to 2.2, levels A and AA" in text
    assert set(WCAG) == {"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"}
    assert "We do not claim that the book conforms" in text
    assert "No person who uses a screen reader" in text
