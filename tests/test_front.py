"""The front page: its figure finds the exact lines, and answers to keys, to the mouse and without scripts."""

import json

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from scipy.optimize import least_squares, linprog
from scipy.stats import linregress

import lossbook
from tools.browser import open_page
from tools.layout import ROOT, parts
from tools.pages import front

SCRIPT = ROOT / "theme" / "static" / "front.js"
PAGE = "chapters/index.html"
rng = np.random.default_rng(0)
SETS = [(rng.uniform(0, 10, n).tolist(), rng.uniform(0, 10, n).tolist()) for n in rng.integers(5, 30, 50)]


@pytest.fixture(scope="module")
def found(browser):
    """The three lines that the script fits to each set, each as [intercept, slope]."""
    tab = browser.new_page()
    tab.add_script_tag(path=SCRIPT)
    text = tab.evaluate(
        """sets => JSON.stringify(sets.map(([x, y]) =>
             ["mse", "mae", "huber"].map(name => frontFits[name](x, y, 0.5))))""",
        SETS,
    )
    tab.close()
    return json.loads(text)


@pytest.mark.parametrize("number", range(len(SETS)))
def test_the_lines_are_those_of_scipy_and_of_lossbook(number, found):
    x, y = map(np.array, SETS[number])
    mse, mae, huber = map(np.array, found[number])
    exact = linregress(x, y)
    assert mse == pytest.approx([exact.intercept, exact.slope], rel=1e-9, abs=1e-9)

    n = len(x)  # a + b x - y = up - down, with the least sum of up and down
    program = linprog([0, 0, *np.ones(2 * n)], bounds=[(None, None)] * 2 + [(0, None)] * 2 * n,
                      A_eq=np.column_stack([np.ones(n), x, np.eye(n), -np.eye(n)]), b_eq=y)
    assert mae == pytest.approx(program.x[:2], rel=1e-6, abs=1e-6)
    assert np.abs(y - mae[0] - mae[1] * x).sum() == pytest.approx(program.fun, rel=1e-9)

    fitted = least_squares(lambda line: y - line[0] - line[1] * x, mse, loss="huber", f_scale=0.5,
                           xtol=1e-15, ftol=1e-15, gtol=1e-12)
    assert huber == pytest.approx(fitted.x, rel=1e-4, abs=1e-4)
    for name, line in (("mse", mse), ("huber", huber)):
        line = torch.tensor(line, requires_grad=True)
        options = {"delta": 0.5} if name == "huber" else {}
        loss = getattr(lossbook, f"{name}_loss")(line[0] + line[1] * torch.tensor(x), torch.tensor(y), **options)
        assert torch.autograd.grad(loss, line)[0].abs().max() < 1e-10
    for name, line in (("mse", mse), ("mae", mae), ("huber", huber)):
        assert front.fit(name, x, y) == pytest.approx(line, rel=1e-9, abs=1e-9)


def test_points_above_each_other_get_a_level_line(browser):
    tab = browser.new_page()
    tab.add_script_tag(path=SCRIPT)
    assert tab.evaluate("frontFits.mse([3, 3], [1, 2])") == [1.5, 0]
    tab.close()


@pytest.fixture
def tab(browser, site):
    context = browser.new_context(reduced_motion="reduce", viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    open_page(tab, site + PAGE)
    yield tab
    context.close()


def drawn(tab) -> dict[str, list[float]]:
    return tab.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("#front-lines line")].map(line =>
             [line.getAttribute("class"), ["x1", "y1", "x2", "y2"].map(name => +line.getAttribute(name))]))"""
    )


def test_the_picture_without_scripts_has_the_lines_of_the_script(tab, built_book):
    page = BeautifulSoup((built_book / PAGE).read_text(encoding="utf-8"), "html.parser")
    still = {line["class"][0]: [float(line[side]) for side in ("x1", "y1", "x2", "y2")]
             for line in page.select("#front-lines line")}
    assert still == drawn(tab)
    assert {line["data-line"] for line in page.select("line[data-line]")} == set()
    assert page.select_one("#front-lines svg")["role"] == "img"
    assert len(page.select_one("#front-lines svg")["aria-label"].split()) > 20


def test_a_point_moves_by_keyboard_and_the_lines_and_the_words_follow(tab):
    before, words = drawn(tab), tab.inner_text(".slopes")
    points = tab.query_selector_all(".point")
    points[-1].focus()
    was = points[-1].get_attribute("aria-valuetext")
    tab.keyboard.press("Shift+ArrowUp")
    tab.keyboard.press("ArrowLeft")
    assert (was, points[-1].get_attribute("aria-valuetext")) == ("input 8.7, target 0.9", "input 8.5, target 1.9")
    after = drawn(tab)
    assert all(after[name] != before[name] for name in ("mse", "huber"))
    tab.wait_for_function("words => document.querySelector('.slopes').innerText !== words", arg=words)
    tab.keyboard.press("Shift+Tab")
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')") == "Point 8 of 9"
    tab.click("#front-lines button")
    assert drawn(tab) == before


def test_a_point_moves_by_mouse_and_only_the_square_follows_far(tab):
    before = drawn(tab)
    box = tab.query_selector(".wrong .dot").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x, y - 60, steps=4)
    tab.mouse.up()
    after = drawn(tab)
    moved = {name: abs(after[name][3] - before[name][3]) for name in after}
    assert moved["mse"] > 10
    assert moved["mse"] > 3 * max(moved["mae"], moved["huber"])


def test_no_point_can_leave_the_plot(tab):
    tab.query_selector(".wrong").focus()
    for _ in range(15):
        tab.keyboard.press("Shift+ArrowDown")
    assert tab.query_selector(".wrong").get_attribute("aria-valuenow") == "0.2"


def test_the_page_shows_its_figure_without_scripts(browser, site):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(site + PAGE)
    assert tab.query_selector("#front-lines svg").is_visible()
    assert "Slopes: MSE" in tab.inner_text(".slopes")
    assert tab.query_selector("#front-lines button") is None
    context.close()


def test_only_the_front_page_loads_the_script(built_book):
    pages = [path for path in (built_book / "chapters").rglob("*.html") if "front.js" in path.read_text("utf-8")]
    assert pages == [built_book / PAGE]


def test_doors_answers_cards_and_tiles_are_links_that_the_tab_key_reaches(tab):
    names = [title for title, _ in parts() if " · " in title]
    for selector, count in ((".doors li", 3), (".part-card", len(names) + 1)):
        assert len(tab.query_selector_all(selector)) == len(tab.query_selector_all(f"{selector} a")) == count
    assert len(tab.query_selector_all(".have > details > summary")) == 8
    reached = set()
    for _ in range(200):
        tab.keyboard.press("Tab")
        reached.add(tab.evaluate(
            "document.activeElement.closest('.doors, .have, .part-cards, .book-map, .points')?.className?.baseVal"
            " ?? document.activeElement.closest('.doors, .have, .part-cards, .book-map, .points')?.className ?? ''"))
    assert {kind.split()[0] for kind in reached if kind} == {"doors", "have", "part-cards", "book-map", "points"}


def test_a_page_without_formulas_does_not_load_what_draws_them(built_book):
    pages = {path: path.read_text(encoding="utf-8") for path in (built_book / "chapters").rglob("*.html")}
    drawn = {path for path, text in pages.items() if BeautifulSoup(text, "html.parser").select(".bd-article .math")}
    assert {path for path, text in pages.items() if "tex-chtml.js" in text} == drawn
    assert built_book / PAGE not in drawn
