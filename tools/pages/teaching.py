"""Sphinx extension for the page reference/teaching: what each lecture has, counted in the chapters themselves.

`{lectures}` is a table of all lectures, and `{lecture} PART/NAME` lists the goals, exercises and materials of one.
What nobody can count stands in chapters/reference/teaching.yml, by chapter, in the order of the book:

    needs     the chapters that come before it; the picture teaching.svg has an arc for each
    minutes   a suggestion
    ask       a question of the chapter, word for word, that students answer before its cell runs

The role {beside}`text <path>` links to a file that lies in the published book and is no page of it, or to a state of
the playground.
"""

import re
from pathlib import Path

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import ReferenceRole, SphinxDirective

from tools.chapter import exercises, goals, slide_titles, sliders
from tools.layout import ROOT, has_notebook, published_url, repository_url
from tools.pages.questions import load, questions_path

PLAN = ROOT / "chapters" / "reference" / "teaching.yml"
HEADS = ("Chapter", "Minutes", "Slides", "Figures with sliders", "Exercises", "Self-check questions")


def plan() -> dict[str, dict]:
    """The lectures by chapter, such as imbalance/focal, in the order of the book."""
    return yaml.safe_load(PLAN.read_text(encoding="utf-8"))


def chapter_of(name: str) -> Path:
    return ROOT / "chapters" / f"{name}.md"


def slide_count(text: str) -> int:
    """The slides of a chapter's deck with its title; 0 where it has no deck."""
    marked = len(slide_titles(text))
    return marked + 1 if marked else 0


def question_count(chapter: Path) -> int:
    path = questions_path(chapter)
    return len(load(path)) if path.exists() else 0


def counts(name: str) -> list[int]:
    """What the table says of a chapter, after its name."""
    chapter = chapter_of(name)
    text = chapter.read_text(encoding="utf-8")
    found = slide_count(text), len(sliders(text)), len(exercises(text)), question_count(chapter)
    return [plan()[name]["minutes"], *found]


class Generated(SphinxDirective):
    """A directive that writes MyST."""

    def parsed(self, lines: list[str], names) -> list[nodes.Node]:
        for path in (PLAN, *(chapter_of(name) for name in names), *(questions_path(chapter_of(n)) for n in names)):
            self.env.note_dependency(str(path))
        node = nodes.container()
        self.state.nested_parse(StringList(lines, self.env.docname), self.content_offset, node)
        return node.children


class Lectures(Generated):
    def run(self) -> list[nodes.Node]:
        lines = ["| " + " | ".join(HEADS) + " |", "|---" + "|--:" * (len(HEADS) - 1) + "|"]
        for name in plan():
            lines.append(f"| {doc(name)} | " + " | ".join(str(count or "–") for count in counts(name)) + " |")
        return self.parsed(lines, plan())


def doc(name: str) -> str:
    return f"{{doc}}`/chapters/{name}`"


class Lecture(Generated):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        return self.parsed(lecture(name, plan()[name]), [name])


def lecture(name: str, planned: dict) -> list[str]:
    """The MyST text of one lecture."""
    chapter = chapter_of(name)
    text, asked = chapter.read_text(encoding="utf-8"), question_count(chapter)
    slides = slide_count(text)
    show = [f"{{numref}}`{figure}` has sliders." for figure in sliders(text)]
    if slides:
        show.append(f"{{beside}}`{slides} slides <slides/{chapter.stem}.html>`.")
    give = [f"{asked} self-check questions." if asked else ""]
    if has_notebook(chapter):
        colab = repository_url().replace("github.com", "colab.research.google.com/github")
        give += [f"{{beside}}`Notebook without solutions <student/{chapter.stem}.ipynb>`,",
                 f"[the full one in Colab]({colab}/blob/main/chapters/{name}.ipynb)."]
    return [
        f"- Chapter: {doc(name)}, {planned['minutes']} minutes.",
        f"- Needs: {', '.join(map(doc, planned['needs'])) or 'no other chapter'}.",
        "- Goals: students can",
        *(f"  {goal}" for goal in goals(text)),
        f"- Ask before its cell runs: “{planned['ask']}”",
        f"- Show live: {' '.join(show)}",
        "- Exercises: " + "; ".join(f"{{ref}}`{label}`, {title}" for title, label in exercises(text)) + ".",
        f"- Hand out: {' '.join(filter(None, give))}",
    ]


PLAYGROUND = r"chapters/reference/playground\.html"


class Beside(ReferenceRole):
    def run(self):
        return [nodes.reference(self.rawtext, self.title, refuri=published_url() + self.target)], []


def stay_in_this_copy(_app, pagename, _templatename, context, _doctree):
    """On a page, let these links lead to the copy of the book that the reader has open."""
    if "body" in context:
        beside = rf'href="{re.escape(published_url())}(?=(?:slides|student)/|[\w-]+\.xml"|{PLAYGROUND}\?)'
        context["body"] = re.sub(beside, f'href="{"../" * pagename.count("/")}', context["body"])


def setup(app):
    app.add_directive("lectures", Lectures)
    app.add_directive("lecture", Lecture)
    app.add_role("beside", Beside())
    app.connect("html-page-context", stay_in_this_copy, priority=850)
