"""Where the outputs of the chapters lie, and what they depend on.

jupyter-cache keys the outputs by the code of a chapter. The folder of the cache is keyed by the package and the pins,
because a chapter's outputs depend on them, too. Beside each entry lies a record of what it was executed with, and of
the time and the memory that it took.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

from jupyter_cache import get_cache

from tools.layout import ROOT

CACHES = ROOT / "_build" / "cache"
SECONDS, BYTES = 30, 1.5e9  # what a chapter may take: of the processor, and of memory


def environment() -> dict[str, str]:
    """What every kernel gets: this package, one thread, the book's figures, and no network."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    path = os.pathsep.join([str(Path(__file__).with_name("offline")), str(ROOT)])
    return {**os.environ, **threads, "LOSSBOOK_BOOK": "1", "PYTHONPATH": path, "PYTHONHASHSEED": "0"}


def key_of(*patterns: str, but: str = "") -> str:
    """A key that changes when Python, or a file of one of the patterns, changes; `but` is a suffix to leave out."""
    digest = hashlib.sha256(sys.version.encode())
    for file in sorted({file for pattern in patterns for file in ROOT.glob(pattern)}):
        if file.is_file() and "__pycache__" not in file.parts and not (but and file.suffix == but):
            digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def cache_path() -> Path:
    """The folder of outputs that belong to the present package, measurements, pins and Python."""
    return CACHES / key_of("lossbook/**/*", "bench/results/*", "bench/*.py", "requirements.txt")


def record_path(chapter: Path, cache=None) -> Path | None:
    """Where the record of a chapter lies, beside the outputs that belong to its present code; None without outputs."""
    cache = cache or get_cache(str(cache_path()))
    try:
        entry = cache.get_cached_project_nb(str(chapter))
    except KeyError:
        return None
    return entry and Path(cache.path, "executed", entry.hashkey, "record.json")


def record(chapter: Path, cache=None) -> dict | None:
    """What a chapter was last executed with and what it took; None when that is not known."""
    path = record_path(chapter, cache)
    return json.loads(path.read_text()) if path and path.exists() else None


def over(kept: dict) -> list[str]:
    """What a chapter took beyond its ceilings."""
    took = {"s of processor time": (kept["seconds"], SECONDS), "bytes of memory": (kept["bytes"], BYTES)}
    return [f"{value:,.0f} {unit}, at most {most:,.0f}" for unit, (value, most) in took.items() if value > most]


def is_stale(chapter: Path, cache) -> bool:
    """Whether to execute a chapter: it has no outputs or no record, or took too much on a machine that was busy."""
    kept = record(chapter, cache)
    return kept is None or bool(over(kept))
