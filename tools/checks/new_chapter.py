"""Begin a chapter: a skeleton that keeps the rules, and its line in every place that has to know it.

    python -m tools.checks.new_chapter PART/NAME "Title of the chapter"
"""

import re
import sys
from pathlib import Path
from string import Template

from tools.layout import ROOT, parts

SKELETON = Path(__file__).parent / "skeleton"
JUDGED = """def answer(pred, target):
    return ((pred - target) ** 2).mean()


def check(answer):
    return bool(torch.isclose(answer(x, x + 2), torch.tensor(4.0)))


print(check(answer))"""
BY_HAND = """
What nobody can fill in for you:
  {chapter}: every TO DO; move its line in _toc.yml to another place of the part if you like
  chapters/reference/teaching.yml: needs, minutes and ask, which is a question of the chapter, word for word
  chapters/index.md: what leads to its part, if the part is new
  chapters/reference/glossary.md, notation.md, choosing.md and references.bib: its terms, symbols, advice and sources
Then: make rules FILE={chapter}"""


def fill(file: str, **values: object) -> str:
    return Template((SKELETON / file).read_text(encoding="utf-8")).safe_substitute(values)


def insert(path: Path, before: str, text: str) -> None:
    """Write a text in front of the first line that begins with `before`; at the end if there is none."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    place = next((i for i, line in enumerate(lines) if line.startswith(before)), len(lines)) if before else len(lines)
    path.write_text("".join([*lines[:place], text, *lines[place:]]), encoding="utf-8")


def begin(name: str, title: str, root: Path = ROOT) -> list[str]:
    """Write what a new chapter needs; the files that were written or changed."""
    part, stem = name.split("/")
    chapter, reference = root / "chapters" / f"{name}.md", root / "chapters" / "reference"
    figures = root / "tests" / f"figures_{stem.replace('-', '_')}.py"
    toc = [page for _, pages in parts() for page in pages if page.startswith(f"chapters/{part}/")]
    if not re.fullmatch(r"[a-z-]+/[a-z0-9-]+", name) or chapter.exists():
        raise ValueError(f"{name} is no new chapter: wanted is PART/NAME in small letters, not there yet")
    if not toc:
        raise ValueError(f"no part of the book has the folder {part}: write the part into _toc.yml first, "
                         "with this chapter")
    values = {"name": name, "stem": stem, "title": title}
    codes = [JUDGED, *["print(mse_loss(x, x + 1))"] * 4]
    exercises = "".join(fill("exercise.md", n=n, code=code, **values) for n, code in enumerate(codes, 1))
    chapter.write_text(fill("chapter.md", exercises=exercises, **values), encoding="utf-8")
    asked = fill("question.yml", n=1, **values).splitlines(keepends=True)
    asked[3:9] = asked[6:9] + asked[3:6]  # the right answer may not always stand first
    asked += [fill("question.yml", n=n, **values) for n in range(2, 6)]
    chapter.with_suffix(".questions.yml").write_text("".join(asked), encoding="utf-8")
    figures.write_text(fill("figures.py", **values), encoding="utf-8")
    contents = root / "_toc.yml"
    text = contents.read_text(encoding="utf-8")
    contents.write_text(text.replace(f"- file: {toc[-1]}\n", f"- file: {toc[-1]}\n      - file: chapters/{name}\n"),
                        encoding="utf-8")
    last = toc[-1].removeprefix("chapters/")
    plan = (reference / "teaching.yml").read_text(encoding="utf-8")
    following = re.search(rf"(?m)^{last}:\n(?: .*\n)+(\S+):$", plan)
    ask = "Guess what the slider does to the curve."
    insert(reference / "teaching.yml", f"{following[1]}:" if following else "",
           f"{name}:\n  needs: []\n  minutes: 90\n  ask: {ask}\n")
    page = (reference / "teaching.md").read_text(encoding="utf-8")
    own = f"```{{lecture}} {last}\n```\n"
    lecture = f"\n### {title}\n\n```{{lecture}} {name}\n```\n"
    (reference / "teaching.md").write_text(page.replace(own, own + lecture), encoding="utf-8")
    written = [chapter, chapter.with_suffix(".questions.yml"), figures, contents,
               reference / "teaching.yml", reference / "teaching.md"]
    return [path.relative_to(root).as_posix() for path in written]


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(__doc__)
        return 2
    try:
        written = begin(*arguments)
    except ValueError as problem:
        print(problem)
        return 1
    print("Written:", *written, sep="\n  ")
    print(BY_HAND.format(chapter=written[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
