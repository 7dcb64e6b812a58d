"""The answers: each is true, runs, stands in its chapter and on the page on choosing, and reaches the notebooks."""

import re

import nbformat
import pytest
from bs4 import BeautifulSoup

from tools.browser import open_page
from tools.layout import ROOT
from tools.pages import answers
from tools.pages.answers import HOME, disagreement, faults, value_of

ALL = answers.answers()
EVERY = pytest.mark.parametrize("name", list(ALL))
INDEX = (ROOT / "chapters" / "index.md").read_text(encoding="utf-8")
CHOOSING = (ROOT / f"{HOME}.md").read_text(encoding="utf-8")


def names_in(text: str) -> list[str]:
    return " ".join(re.findall(r"(?m)^```\{(?:answer|also)\} (.+)$", text)).split()


@EVERY
def test_an_answer_is_whole_runs_in_both_libraries_and_has_its_numbers_from_an_assert(name):
    assert list(faults(ALL[name])) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"torch": "import torch\n\nloss = pred.mean()"}, "torch gives loss = "),
        ({"lossbook": "loss = no_such_name"}, "NameError"),
        ({"number": "It was 31.4 % better ({numref}`fig-loss-outliers`)."}, "no assert holds the number 31.4 %"),
        ({"number": "It was 31.4 % better."}, "no assert holds the number 31.4 %"),
        ({"check": "8.0 == 8.1"}, "is not true: 8.0 == 8.1"),
        ({"check": "no_such_name"}, "NameError"),
        ({"beware": "It cost 31.4 %."}, "no assert holds the number 31.4 %"),
        ({"torch": "import torch  #" + 70 * "-"}, "a line of code has"),
        ({"more": "text"}, "has ['beware', 'case',"),
    ],
)
def test_an_answer_that_breaks_is_named(change, said):
    assert any(said in fault for fault in faults({**ALL["outliers"], **change}))


def test_a_build_stops_at_a_broken_answer(tmp_path, monkeypatch):
    text = answers.FILE.read_text(encoding="utf-8").replace("quantile=0.95", "quantile=0.05")
    (tmp_path / "answers.yml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(answers, "FILE", tmp_path / "answers.yml")
    with pytest.raises(ValueError, match=r"range: torch gives loss = .*, lossbook loss = "):
        answers.answers()


def test_choosing_has_every_answer_once_and_a_line_of_the_list_leads_to_those_of_the_chapters():
    tree = re.search(r"(?s)```\{tree\}\n(.*?)```", CHOOSING)[1]
    listed = " ".join(line.rsplit(": ", 1)[1] for line in tree.splitlines()).split()
    of_chapters = [name for one in {one["chapter"] for one in ALL.values()}
                   for name in names_in((ROOT / "chapters" / f"{one}.md").read_text(encoding="utf-8"))]
    assert sorted(names_in(CHOOSING)) == sorted(ALL)
    assert len(listed) == len({*listed}) == len({*of_chapters} | {*listed})


def test_the_front_page_offers_every_answer_that_has_a_name_for_it():
    offered = re.search(r"(?s)```\{have\}\n(.*?)```", INDEX)[1].split()
    assert sorted(offered) == sorted(name for name, one in ALL.items() if "have" in one)


def test_choosing_gives_no_advice_outside_its_answers():
    assert re.findall(r"(?m)^ *[-*] ", CHOOSING) == []
    assert sum("lossbook" not in one for one in ALL.values()) <= 4


def test_each_chapter_shows_its_own_answers_where_it_says_when_to_use_them():
    wanted = {one["chapter"] for one in ALL.values()}
    for chapter in wanted:
        text = (ROOT / "chapters" / f"{chapter}.md").read_text(encoding="utf-8")
        shown = names_in(text)
        assert shown, chapter
        assert {ALL[name]["chapter"] for name in shown} == {chapter}
    assert len(wanted) == 24


def test_every_link_of_the_list_leads_to_its_answer(built_book):
    page = BeautifulSoup((built_book / f"{HOME}.html").read_text(encoding="utf-8"), "html.parser")
    links = {link["href"]: link.get_text() for link in page.select(".tree a")}
    assert len(links) >= 29
    for address, text in links.items():
        name, one = address.removeprefix("#answer-"), ALL[address.removeprefix("#answer-")]
        assert one["case"] in text
        assert one["loss"] in text.replace("’", "'")
        assert one["case"] in page.find(id=f"answer-{name}").find(class_="admonition-title").get_text()


def test_a_box_leads_to_its_chapter_and_to_the_api(built_book):
    page = BeautifulSoup((built_book / f"{HOME}.html").read_text(encoding="utf-8"), "html.parser")
    for name, one in ALL.items():
        box = page.find(id=f"answer-{name}")
        links = [link["href"] for link in box.select(".answer-links a")]
        assert "dropdown" not in box["class"] or one["loss"] in box.find(class_="admonition-title").get_text()
        assert links[0] == f"../{one['chapter']}.html"
        assert any("api" in link for link in links[1:]) == ("lossbook" in one), name


@EVERY
def test_the_code_of_an_answer_runs_as_it_stands_in_the_notebook(name, built_book):
    path = built_book / "chapters" / f"{ALL[name]['chapter']}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    boxes = [cell.source for cell in cells if f"Answer: {ALL[name]['case']}*" in cell.source]
    shown = names_in((ROOT / "chapters" / f"{ALL[name]['chapter']}.md").read_text(encoding="utf-8"))
    assert len(boxes) == (name in shown)
    for box in boxes:
        box = box[box.index(f"Answer: {ALL[name]['case']}*") :]
        plain = re.sub(r"(?m)^(> ?)+", "", box)
        theirs, ours, given = re.findall(r"(?s)```python\n(.*?)```", plain)[:3]
        noted = {"given": given, "torch": theirs, "lossbook": ours, "name": name}
        assert list(disagreement(noted)) == []
        assert value_of(noted, "torch")[0] == value_of(ALL[name], "torch")[0]


def test_the_button_of_an_answer_copies_its_call(browser, site):
    context = browser.new_context(reduced_motion="reduce")
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.rstrip("/"))
    tab = context.new_page()
    open_page(tab, f"{site}{HOME}.html#answer-outliers")
    blocks = tab.query_selector_all("#answer-outliers > .highlight-python")
    for library, block in zip(("torch", "lossbook"), blocks, strict=True):
        block.hover()
        block.query_selector("button.copybtn").click()
        assert tab.evaluate("navigator.clipboard.readText()").strip() == ALL["outliers"][library].strip()
    context.close()
