"""Where a result comes from: date, machine, versions, and the code that made it, down to the last function."""

import ast
import datetime
import hashlib
import json
import platform
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"


def code(*scripts: str) -> str:
    """Return a hash of scripts of bench/ and of all that they reach in lossbook; comments and docstrings do not count.

    A definition is reached when its name stands in a script, in a string of it such as "lossbook.focal_loss(z, y)",
    or in another definition that is reached. So a new loss changes no hash but that of what uses it.
    """
    return digest({name: parse(ROOT / "bench" / f"{name}.py") for name in scripts})


def digest(trees: dict[str, ast.Module]) -> str:
    """Return a hash of pieces of code and of all that they reach in lossbook."""
    open_ends = [found for name, tree in trees.items() for found in mentioned(tree, imports(tree), f"bench.{name}")]
    open_ends += [place for tree in trees.values() for place in imports(tree).values() if place[1] != "*"]  # handed on
    reached: dict[tuple[str, str], str] = {}
    while open_ends:
        module, name = key = open_ends.pop()
        if key in reached or name == "__version__" or not (home := source(module)):
            continue
        tree, brought = parse(home), imports(parse(home), module)
        if name == "*":
            open_ends += [(module, own) for own in definitions(tree)]
        elif name in definitions(tree):
            node = definitions(tree)[name]
            reached[key] = ast.dump(node)
            open_ends += mentioned(node, brought, module)
        elif name in brought:
            open_ends.append(brought[name])
    parts = [ast.dump(tree) for tree in trees.values()] + [f"{key} {reached[key]}" for key in sorted(reached)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@cache
def source(module: str) -> Path | None:
    """Return the file of a module of lossbook, None for any other module."""
    path = ROOT / module.replace(".", "/")
    files = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in files if module.startswith("lossbook") and file.exists()), None)


@cache
def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a file, without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


@cache
def definitions(tree: ast.Module) -> dict[str, ast.stmt]:
    """Return the statement of a module that defines each of its own names."""
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                found |= {part.id: node for part in ast.walk(target) if isinstance(part, ast.Name)}
    return found


@cache
def imports(tree: ast.Module, _module: str = "") -> dict[str, tuple[str, str]]:
    """Return what each name that a module imports from lossbook stands for: (module, name), or (module, "*")."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {a.asname or a.name: (a.name, "*") for a in node.names if a.name.startswith("lossbook")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lossbook"):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found[alias.asname or alias.name] = (inner, "*") if source(inner) else (node.module, alias.name)
    return found


def mentioned(node: ast.AST, brought: dict[str, tuple[str, str]], module: str) -> list[tuple[str, str]]:
    """Return what a piece of code names: its module's own definitions, and what the module imports."""
    found, prefixes = [], set()
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            home, whole = brought.get(part.value.id, ("", ""))
            if whole == "*":  # of a module one name, not all
                inner = f"{home}.{part.attr}"
                found.append((inner, "*") if source(inner) else (home, part.attr))
                prefixes.add(id(part.value))
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            found += [("lossbook", name) for name in re.findall(r"\blossbook\.(\w+)", part.value)]
    names = (part for part in ast.walk(node) if isinstance(part, ast.Name) and id(part) not in prefixes)
    return found + [brought.get(part.id, (module, part.id)) for part in names]


def processor() -> str:
    """Return what the system calls its processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def write(name: str, versions: dict[str, str], rows: list[dict], *, dense: bool = False, **more: object) -> None:
    """Write rows to results/NAME.json, one per line, under a header that says where they come from."""
    between = (",", ":") if dense else (", ", ": ")
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    head = {"date": today, "processor": processor(), "versions": versions, **more}
    lines = [json.dumps({key: value}, ensure_ascii=False)[1:-1] + "," for key, value in head.items()]
    body = ",\n".join(json.dumps(row, ensure_ascii=False, separators=between) for row in rows)
    RESULTS.mkdir(exist_ok=True)
    text = "{" + "\n".join(lines) + '\n"rows": [\n' + body + "\n]}\n"
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")


def read(name: str) -> dict:
    """Return what ``write`` wrote."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
