"""What a reader of a notebook must not see: MyST that was not resolved, addresses of this machine, pictures."""

import re
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

TEXT = "text/plain"
BUILD_ONLY = r"myst_nb|myst_parser|sphinx\w*|docutils|jupyter_book|jupyter_cache|nbformat|nbclient"
IN_TEXT = {
    "fence": r"^\s*(:{3,}|(`{3,}|~{3,})\s*\{)",
    "target": r"^\s*\([\w:.-]+\)=\s*$",
    "cell break": r"^\+\+\+",
    "option": r"^:[a-zA-Z][\w-]*:(\s|$)",
    "comment": r"^% ",
    "substitution": r"\{\{.*\}\}",
    "front matter": r"^(jupytext|kernelspec|mystnb):\s*$",
}
IN_CODE = {
    "build-only import": rf"^\s*(from|import)\s+({BUILD_ONLY})\b",
    "option": r"^:tags:",
    "front matter": r"^mystnb:\s*$",
}
MACHINE_PATH = r"(?<![\w.])(/(home|root|tmp|work|Users|private|usr/lib)/\w|file://|[A-Z]:\\Users)\S*"
ANYWHERE = {"machine path": MACHINE_PATH, "broken math": r"\$\$?\\\$|\\\$\$"}


def leaks(notebook) -> list[str]:
    """What a reader of the notebook must not see, each as `cell N: kind: the text`."""
    found = []
    for index, cell in enumerate(notebook.cells):
        kinds = markdown_leaks(cell.source) if cell.cell_type == "markdown" else code_leaks(cell)
        found += [f"cell {index}: {kind}: {text.strip()[:80]}" for kind, text in kinds]
    return found


def matches(patterns: dict[str, str], text: str):
    for kind, pattern in patterns.items():
        for match in re.finditer(pattern, text, re.MULTILINE):
            yield kind, match[0]


def code_leaks(cell):
    yield from matches(IN_CODE | {"machine path": MACHINE_PATH}, cell.source)
    for output in cell.outputs:
        data = output.get("data", {TEXT: output.get("text") or "\n".join(output.get("traceback", []))})
        yield from (("output", kind) for kind in data if kind != TEXT)
        yield from matches({"machine path": MACHINE_PATH}, str(data.get(TEXT, "")))


def markdown_leaks(source: str):
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").use(dollarmath_plugin).parse(source)
    for token in tokens:
        if token.type == "fence" and token.info.lstrip().startswith("{"):
            yield "fence", f"```{token.info}"
        elif token.type == "html_block":
            yield from html_leaks(token.content)
        elif "math" in token.type:
            yield from matches({"raw label": r"\\(label|ref|eqref)\{[^}]*\}"}, token.content)
        elif token.type == "inline":
            prose = "".join(
                child.content if child.type == "text" else "\n" if "break" in child.type else "\0"
                for child in token.children
            )
            yield from matches(IN_TEXT, prose)
            yield from inline_leaks(token.children)
    yield from matches(ANYWHERE, source)


def inline_leaks(tokens):
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "code_inline" and before and before.type == "text":
            if role := re.search(r"\{[a-zA-Z][\w:.+-]*\}$", before.content):
                yield "role", f"{role[0]}`{token.content}`"
        elif token.type == "text" and before and before.type in {"image", "link_close", "code_inline", "strong_close"}:
            yield from matches({"attribute": r"\A\{[^}]*\}"}, token.content)
        elif token.type == "image" and not absolute(token.attrs["src"]):
            yield "relative image", token.attrs["src"]
        elif token.type == "link_open" and not absolute(token.attrs["href"]):
            yield "relative link", token.attrs["href"]
        elif "math" in token.type:
            yield from matches({"raw label": r"\\(label|ref|eqref)\{[^}]*\}"}, token.content)
        elif token.type == "html_inline":
            yield from html_leaks(token.content)


def html_leaks(text: str):
    for name, address in re.findall(r"\b(src|href)\s*=\s*[\"']?([^\"'\s>]+)", text):
        if not absolute(address):
            yield "relative image" if name == "src" else "relative link", address


def absolute(address: str) -> bool:
    return urlsplit(address).scheme in {"http", "https", "mailto"}


def compared(notebook) -> tuple[int, int]:
    """How many code cells with output nbval compares exactly, and how many have output."""
    exempt = re.compile(r"^\s*#\s*(NBVAL_IGNORE_OUTPUT|NBVAL_SKIP|PYTEST_VALIDATE_IGNORE_OUTPUT)\s*$", re.MULTILINE)
    tags = {"nbval-ignore-output", "nbval-skip"}
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [cell for cell in code if cell.outputs or "nbval-ignore-output" in cell.metadata.get("tags", [])]
    free = [cell for cell in outputs if tags & {*cell.metadata.get("tags", [])} or exempt.search(cell.source)]
    return len(outputs) - len(free), len(outputs)
