"""The slides that every deck has and no chapter writes: goals, polls, an exercise, and where to find all this.

All of them come from the page: the goals from the list "You will be able to", a poll from a self-check question, its
answer and the reason at the next click, the misconceptions behind the other answers among the speaker's notes.
"""

import copy
from html import escape
from pathlib import Path

from bs4 import BeautifulSoup

from tools.layout import address_of, published_url
from tools.shapes.article import SUBTITLE, TITLE
from tools.shapes.slide_blocks import cleaned, words

LONGEST = 60  # words of an exercise on a slide
LETTERS = "ABCDE"


def made(html: str):
    return BeautifulSoup(html, "html.parser").find(True)


def slide(heading: str, parts: list, kind: str, notes: list[str] | None = None) -> dict:
    return {"heading": heading, "parts": parts, "notes": notes or [], "kind": kind}


def web_address(page: str) -> str:
    """An address on the web as a link, written as one types it."""
    url = f"{published_url()}{page}"
    shown = escape(url.removeprefix("https://")).replace("/", "/<wbr>")
    return f'<a href="{escape(url)}">{shown}</a>'


def title(article) -> str:
    number = article.h1.find(class_="section-number")
    name = copy.copy(article.h1)
    for unwanted in name.select("a.headerlink, .section-number"):
        unwanted.decompose()
    chapter = f"<p>Chapter {escape(words(number.get_text()).rstrip('.'))}</p>" if number else ""
    book = f"<p><em>{escape(TITLE)}: {escape(SUBTITLE)}</em><br>{web_address('')}</p>"
    return f'<section class="title-slide">{chapter}<h1>{name.decode_contents()}</h1>{book}</section>\n'


def goals(article) -> dict:
    lead = next(tag for tag in article.find_all("p") if words(tag.get_text()) == "You will be able to:")
    return slide("You will be able to", [(cleaned(copy.copy(lead.find_next_sibling("ul"))), False)], "goals")


def poll(box) -> dict:
    """A self-check question: first the answers, then which of them is right, and why."""
    right = int(box["data-right"]) - 1
    reasons = [cleaned(copy.copy(item)) for item in box.select(".reasons > ol > li")]
    asked, end = [], box.find(class_="choices")
    for tag in box.find_all(True, recursive=False):
        if tag is end:
            break
        if "admonition-title" not in tag.get("class", []):
            asked.append((cleaned(copy.copy(tag)), False))
    items = "".join(f'<li{" data-right" * (place == right)}>{cleaned(copy.copy(label.span)).decode_contents()}</li>'
                    for place, label in enumerate(end.find_all("label", recursive=False)))
    why = reasons[right]
    why.strong.string = f"{LETTERS[right]}."
    notes = [f"{LETTERS[place]}: {words(reason.get_text())}" for place, reason in enumerate(reasons) if place != right]
    answer = made(f'<div class="answer">{why.decode_contents()}</div>')
    return slide("What do you think?", [*asked, (made(f'<ol class="options">{items}</ol>'), False), (answer, True)],
                 "poll", notes)


def polls(article) -> list[dict]:
    """The first question and the last."""
    boxes = article.select(".question.admonition")
    return [poll(box) for box in (boxes[0], boxes[-1])]


def exercise(article, chapter: Path) -> dict:
    """The first exercise that a slide can hold, and its solution as a note."""
    asked = article.select("div.exercise")
    box = next((box for box in asked if len(box.get_text().split()) <= LONGEST and not box.find("pre")), asked[0])
    name = words(box.find(class_="admonition-title").get_text())
    solution = box.find_next_sibling("details", class_="solution")
    notes = [words(tag.get_text()) for tag in solution.select("p")] if solution else []
    where = made(f'<p class="where">{web_address(address_of(chapter))}#{escape(box["id"])}</p>')
    where.a["href"] += f"#{box['id']}"
    where.a.append(where.a.next_sibling.extract())
    text = made(f"<div>{cleaned(copy.copy(box.section)).decode_contents()}</div>")
    return slide(escape(name), [(text, False), (where, False)], "exercise", notes)


def closing(article, chapter: Path) -> dict:
    exercises, questions = len(article.select("div.exercise")), len(article.select(".question.admonition"))
    text = (f"<p>This chapter, with its code, {exercises} exercises with solutions and {questions} questions:</p>",
            f'<p class="address">{web_address(address_of(chapter))}</p>',
            "<p>The notebook for students, without the solutions:</p>",
            f'<p class="address">{web_address(f"student/{chapter.stem}.ipynb")}</p>')
    return slide("Where to find all this", [(made(part), False) for part in text], "closing")


def framed(deck: list[dict], article, chapter: Path) -> list[dict]:
    """A deck with the slides that no chapter writes; its first slide asks the question."""
    summary = next(place for place, shown in enumerate(deck) if shown["heading"] == "Summary")
    half, (early, late) = (summary + 1) // 2, polls(article)
    return [deck[0], goals(article), *deck[1:half], early, *deck[half:summary], late, *deck[summary:],
            exercise(article, chapter), closing(article, chapter)]
