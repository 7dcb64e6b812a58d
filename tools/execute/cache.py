"""Where the outputs of the chapters lie, and what they depend on.

jupyter-cache keeps the outputs of each chapter by its code. But they depend on more: on what this code reaches in the
package, on the pins, on Python. All of this is the key of a chapter. Beside its outputs lies a record with the key, and
with the time and the memory that they took. What was executed under other keys is kept as well: who switches branches,
or takes a change back, finds it there.
"""

import ast
import contextlib
import fcntl
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from jupyter_cache import get_cache

from bench import stamp
from tools.chapter import read, tags
from tools.layout import ROOT

BUILD = ROOT / "_build"
OUTPUTS = BUILD / "outputs"  # of each chapter those that its page shows
KEPT, MOST = BUILD / "kept", 400  # executed notebooks, by their key
SECONDS, BYTES = 30, 1.5e9  # what a chapter may take: of the processor, and of memory
# What the pages and the outputs are made of, beside the chapters themselves.
PACKAGE = ("lossbook/**/*", "bench/results/*", "bench/**/*.py", "requirements.txt")
# Habits of the person who builds, which would enter the book. Without a value they do nothing.
HABITS = ("MATPLOTLIBRC", "PYTHONSTARTUP", "PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONINSPECT", "PYTHONBREAKPOINT")


def environment() -> dict[str, str]:
    """What every kernel gets: this package, one thread, the book's figures, no network, and nobody's settings."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    path = os.pathsep.join([str(Path(__file__).with_name("offline")), str(ROOT)])
    ours = {"LOSSBOOK_BOOK": "1", "PYTHONPATH": path, "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
    settings = BUILD / "settings"
    settings.mkdir(parents=True, exist_ok=True)
    clean = dict.fromkeys(("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "MPLCONFIGDIR"), str(settings))
    return {**os.environ, **dict.fromkeys(HABITS, ""), **threads, **ours, **clean}


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Work in this folder while no other build does: who comes second says so, and waits."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / ".lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another build is at work in this folder; this one waits until it has ended.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def key_of(*patterns: str, but: str = "") -> str:
    """A key that changes when Python, or a file of one of the patterns, changes; `but` is a suffix to leave out."""
    digest = hashlib.sha256(sys.version.encode())
    for file in sorted({file for pattern in patterns for file in ROOT.glob(pattern)}):
        if file.is_file() and "__pycache__" not in file.parts and not (but and file.suffix == but):
            digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def key(chapter: Path) -> str:
    """A key that changes when the outputs of a chapter may: its code, what that reaches, the pins, how it is run."""
    cells = [(cell.source, tags(cell)) for cell in read(chapter).cells if cell.cell_type == "code"]
    code = "\n".join(source for source, _ in cells)
    how = key_of("tools/execute/**/*.py", "requirements.txt", "lossbook/*.mplstyle")
    parts = [json.dumps(cells), reached(code), how]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def reached(code: str) -> str:
    """A key of what a piece of code reaches in the package, definition by definition, and of the measurements."""
    try:
        pieces = {"chapter": ast.parse(code)}
    except SyntaxError:  # a command of IPython, or a mistake that the execution will show
        return key_of(*PACKAGE)
    open_ends = list(pieces.values())
    while open_ends:  # scripts of bench/ that it imports, and those that these import
        for name in sorted(imported(open_ends.pop()) - pieces.keys()):
            script = ROOT / "bench" / f"{name}.py"
            if script.exists():
                pieces[name] = stamp.parse(script)
                open_ends.append(pieces[name])
    return stamp.digest(pieces) + (key_of("bench/results/*") if len(pieces) > 1 else "")


def imported(tree: ast.Module) -> set[str]:
    """The modules that a piece of code imports, by the first part of their names."""
    nodes = list(ast.walk(tree))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names = plain | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in names}


def record_path(chapter: Path, cache=None) -> Path | None:
    """Where the record of a chapter lies, beside the outputs that belong to its present code; None without outputs."""
    cache = cache or get_cache(str(OUTPUTS))
    try:
        entry = cache.get_cached_project_nb(str(chapter))
    except KeyError:
        return None
    return entry and Path(cache.path, "executed", entry.hashkey, "record.json")


def record(chapter: Path, cache=None) -> dict | None:
    """What a chapter was last executed with and what it took; None when that is not known."""
    path = record_path(chapter, cache)
    return json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else None


def put_record(chapter: Path, record: dict, cache) -> None:
    """Write the record beside the outputs, whole or not at all."""
    path = record_path(chapter, cache)
    path.with_suffix(".part").write_text(json.dumps(record), encoding="utf-8")
    path.with_suffix(".part").replace(path)


def over(kept: dict) -> list[str]:
    """What a chapter took beyond its ceilings."""
    took = {"s of processor time": (kept["seconds"], SECONDS), "bytes of memory": (kept["bytes"], BYTES)}
    return [f"{value:,.0f} {unit}, at most {most:,.0f}" for unit, (value, most) in took.items() if value > most]


def is_stale(chapter: Path, cache) -> bool:
    """Whether a chapter has no outputs that belong to its present key."""
    kept = record(chapter, cache)
    return kept is None or kept.get("key") != key(chapter)


def keep(notebook: nbformat.NotebookNode, kept: dict) -> None:
    """Keep an executed notebook with its record under its key, and of all that were kept the newest."""
    KEPT.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.from_dict({**notebook, "metadata": {**notebook.metadata, "record": kept}})
    nbformat.write(notebook, KEPT / f"{kept['key']}.ipynb")
    for old in sorted(KEPT.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)[MOST:]:
        old.unlink()


def kept(chapter: Path) -> nbformat.NotebookNode | None:
    """What is kept under the present key of a chapter, as an executed notebook with its record; None without."""
    path = KEPT / f"{key(chapter)}.ipynb"
    if not path.exists():
        return None
    path.touch()
    return nbformat.read(path, as_version=4)
