"""What a chapter marks of itself, read from its page as slides; tools/pages/slide_marks.py says how a block is marked.

A cell that draws gives its picture with its caption, a cell that prints gives its code, and what it prints at the next
click. What stands between the marks becomes the speaker's notes. A slide without a word gets one: the sentence that
leads to it, and, at the next click, the sentence that follows. What answers a prediction waits for a click.
"""

import copy
import re
from html import escape
from pathlib import Path

from bs4 import BeautifulSoup, NavigableString

from tools.chapter import slide_titles

WORDS = ("p", "ul", "ol", "figure", "table", "blockquote")
ANSWERS = "answers-prediction"  # of a cell: tools/pages/predictions.py
LINES = 14  # of code and of what it prints, beyond which a slide takes no further sentence
UNWANTED = "a.headerlink, button, summary"


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


def words(text: str) -> str:
    return " ".join(text.split())


def lines(block) -> list[list]:
    """The nodes of each line of a paragraph: a sentence stands on a line of its own."""
    found = [[]]
    for child in block.children:
        if isinstance(child, NavigableString):
            first, *more = child.split("\n")
            found[-1].append(NavigableString(first))
            found += [[NavigableString(piece)] for piece in more]
        else:
            found[-1].append(copy.copy(child))
    return [line for line in found if "".join(node.get_text() for node in line).strip()]


def paragraph(block, kept: list[list]):
    """A paragraph like this one, of these lines."""
    new = copy.copy(block)
    new.clear()
    for node in (node for line in kept for node in (*line, NavigableString("\n"))):
        new.append(node)
    return new


def text_of(line: list) -> str:
    return words("".join(node.get_text() for node in line))


def cut(block):
    """The sentences of a paragraph that a slide shows, and the text of those that it leaves to the speaker."""
    wanted = next((int(name[10:]) for name in block.get("class", []) if name.startswith("sentences-")), None)
    if not wanted:
        return copy.copy(block), ""
    found = lines(block)
    return paragraph(block, found[:wanted]), " ".join(map(text_of, found[wanted:]))


def cleaned(block):
    """A part of a page without its addresses, its buttons and the sizes that it has there."""
    for unwanted in block.select(UNWANTED):
        unwanted.decompose()
    for fold in block.select("details"):
        fold.unwrap()
    for tag in [block, *block.find_all(True)]:
        for name in ("id", "loading", "style") if "math" not in tag.get("class", []) else ("id",):
            if not (name == "style" and "interactive" in tag.get("class", [])):
                tag.attrs.pop(name, None)
    return block


def content(block) -> list:
    """What a slide shows of a block, the parts that come one click after the other."""
    if "cell" not in block.get("class", []):
        return [cleaned(block)]
    figure = block.find("figure")
    parts = [figure] if figure else [block.find(class_="cell_input"), block.find(class_="cell_output")]
    return [cleaned(part) for part in parts if part]


def heading_of(block) -> str:
    heading = block.find_parent("section").find(re.compile("^h[1-6]$"), recursive=False)
    inner = BeautifulSoup(heading.decode_contents(), "html.parser")
    for unwanted in inner.select("a.headerlink, .section-number"):
        unwanted.decompose()
    return inner.decode_contents().strip()


def code(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text)


def article_of(page: Path):
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").find("article")


def has_words(slide: dict) -> bool:
    return any(part.name in WORDS or part.find(WORDS) for part, _ in slide["parts"])


def beside(block, other):
    """Whether two blocks stand in one section."""
    return block.find_parent("section") is other.find_parent("section")


def lead(block, before):
    """The sentence that leads to a block: the question that it answers, or else the last of the paragraph before."""
    if before is None or not beside(block, before):
        return None
    found = lines(before)
    asked = [line for line in found if text_of(line).endswith("?")] if ANSWERS in block["class"] else []
    return paragraph(before, (asked or found)[-1:])


def verdicts(article) -> dict[int, list]:
    """For each statement of "True or false?" the nodes of the sentence of the chapter that refutes it."""
    found = {}
    for block in article.select("p.verdict"):
        statement, line = next(re.fullmatch(r"verdict-(\d+)-(\d+)", name) for name in block["class"][::-1]
                               if name.startswith("verdict-")).groups()
        found[int(statement)] = paragraph(block, lines(block)[int(line) - 1 :][:1])
    return found


def give_verdicts(deck: list[dict], article) -> None:
    """Put below each statement of "True or false?", to come at the next click, why it is false."""
    for part in (part for slide in deck for part, _ in slide["parts"] if "warning" in part.get("class", [])):
        part.find(class_="admonition-title").decompose()
        for place, sentence in sorted(verdicts(article).items()):
            answer = BeautifulSoup('<div class="verdict fragment"><strong>False.</strong> </div>', "html.parser").div
            for node in list(cleaned(sentence).children):
                if not (node.name == "em" and re.fullmatch(r"The \w+\.", node.get_text())):
                    answer.append(node)
            part.find_all("li")[place - 1].append(answer)


def join(slide: dict) -> None:
    """Give a slide without a word, or one that opens with an answer, the sentences beside it."""
    before, after, _, opens = (slide.pop(name) for name in ("lead", "after", "last", "opens with an answer"))
    wordless = not has_words(slide)
    if before is not None and (wordless or opens):
        slide["parts"].insert(0, (cleaned(before), False))
    printed = sum(part.get_text().count("\n") for part, _ in slide["parts"] if part.find("pre"))
    if after is not None and wordless and printed <= LINES:
        slide["parts"].append((cleaned(after), True))


def add(slide: dict, block, kind: str) -> None:
    """Add a marked block to a slide."""
    kept, left = cut(block)
    slide["notes"] += [left] if left else []
    answers, first = ANSWERS in block["class"], not slide["parts"]
    parts = content(kept)
    slide["opens with an answer"] |= answers and first
    waits = kind == "then" or (answers and parts[0].name == "figure" and not (first and slide["lead"] is None))
    slide["parts"] += [(parts[0], waits), *((part, True) for part in parts[1:])]
    slide["last"], slide["after"] = block, None


def slides_of(page: Path, chapter: Path) -> list[dict]:
    """Each slide as a dict of heading, parts (each with whether it waits for a click) and notes."""
    own, deck, early = iter(slide_titles(chapter.read_text(encoding="utf-8"))), [], []
    before = None  # the unmarked paragraph before a marked block
    article = article_of(page)
    for block in blocks(article):
        kind = marked(block)
        if kind is None:
            (deck[-1]["notes"] if deck else early).append(words(block.get_text()))
            before = block if block.name == "p" else None
            if deck and before and deck[-1]["after"] is None and beside(before, deck[-1]["last"]):
                deck[-1]["after"] = paragraph(before, lines(before)[:1])
            continue
        if kind == "slide":
            heading = code(escape(next(own))) or heading_of(block)
            deck.append({"heading": heading, "parts": [], "notes": early, "lead": lead(block, before), "last": block,
                         "after": None, "opens with an answer": False})
            early = []
        if not deck:
            raise ValueError(f"{chapter}: the mark '% {kind}' stands before the first '% slide'")
        add(deck[-1], block, kind)
        before = None
    for slide in deck:
        join(slide)
    give_verdicts(deck, article)
    return deck
