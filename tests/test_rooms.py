"""The rooms of tools: imports go down only and never in a circle, no module is long, and no path is patched."""

import ast
import re
from graphlib import CycleError, TopologicalSorter

import pytest

import tools
from tools.layout import ROOT

LONGEST = 300  # lines
SOURCES = {
    ".".join(path.relative_to(ROOT / "tools").with_suffix("").parts): path.read_text(encoding="utf-8")
    for path in (ROOT / "tools").rglob("*.py") if path.name != "__init__.py" and "offline" not in path.parts
}
# From the ground floor up, as the package itself says.
ROOMS = [name for line in re.findall(r"(?m)^    ([a-z, ]+?)  ", tools.__doc__) for name in line.split(", ")]


def room(module: str) -> str:
    return module.split(".")[0]


def imported(text: str, modules) -> set[str]:
    """The modules of tools that a text imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            found.add("a relative import")
        elif isinstance(node, ast.ImportFrom):
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in inside if name.removeprefix("tools.") in modules} or {node.module}
    found = {name.removeprefix("tools.") for name in found if name.startswith(("tools", "a relative"))}
    return found & {*modules} | {f"{name}, which is no module" for name in found - {*modules}}


def faults(sources: dict[str, str]) -> list[str]:
    found, graph = [], {module: imported(text, sources) for module, text in sources.items()}
    for module, text in sources.items():
        for other in sorted(graph[module]):
            if other not in sources or ROOMS.index(room(other)) > ROOMS.index(room(module)):
                found.append(f"{module} imports {other}")
        if (lines := len(text.splitlines())) > LONGEST:
            found.append(f"{module} has {lines} lines")
        if re.search(r"sys\.path(\.(insert|append|extend)|\[:0\])", text):
            found.append(f"{module} patches the path")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        found.append(f"circle: {' '.join(circle.args[1])}")
    return found


def test_every_room_has_its_floor():
    assert {*map(room, SOURCES)} == {*ROOMS}
    assert len(ROOMS) == len({*ROOMS})


def test_imports_go_down_in_no_circle_and_no_module_is_long():
    assert faults(SOURCES) == []


@pytest.mark.parametrize(("module", "more", "fault"), [
    ("layout", "from tools.chapter import read", "layout imports chapter"),
    ("execute.cache", "def f():\n    from tools.pages import card", "execute.cache imports pages.card"),
    ("pages.card", "import tools.notebooks.leaks", "pages.card imports notebooks.leaks"),
    ("execute.cache", "from tools.execute.run import execute", "circle: execute."),
    ("pages.card", "from . import theme", "pages.card imports a relative import, which is no module"),
    ("pages.card", "from tools.book import ROOT", "pages.card imports book, which is no module"),
    ("pages.card", "x = 1\n" * LONGEST, "pages.card has "),
    ("pages.card", "import sys\nsys.path.insert(0, '.')", "pages.card patches the path"),
])  # fmt: skip
def test_a_fault_is_named(module, more, fault):
    planted = {**SOURCES, module: f"{SOURCES[module]}\n{more}\n"}
    assert any(found.startswith(fault) for found in faults(planted)), faults(planted)
