"""Build the book: execute what is stale, in parallel, then write the pages.

    python tools/book.py             execute and build
    python tools/book.py --execute   only execute

The outputs live in a cache that jupyter-cache keys by the code of a chapter.
The folder of the cache is keyed by the package and the pins, because a chapter's outputs depend on them too.
Beside each entry lies a record of what it was executed with, and of the time and the memory that it took.
"""

import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from kernels import warm_kernels

ROOT = Path(__file__).resolve().parent.parent
CACHES = ROOT / "_build" / "cache"
FORMAT = {"name": "myst_nb_md", "type": "plugin"}
SECONDS, BYTES = 30, 1.5e9  # what a chapter may take: of the processor, and of memory
# Asked of a kernel after its last cell. The seconds are those of the processor, which do not grow on a busy machine.
# Linux keeps in ru_maxrss what the program that started the kernel took, so there VmHWM is read.
RECORD = """
import datetime, importlib.metadata, json, os, platform, re, resource, sys
from pathlib import Path
imports = float(os.environ.get("LOSSBOOK_IMPORTS", 0))  # of a kernel that was spared them (tools/kernels.py)
uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
status = Path("/proc/self/status")
if status.exists():
    peak = 1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", status.read_text())[1])
else:
    peak = uses[0].ru_maxrss * (1 if sys.platform == "darwin" else 1024)
versions = {name: importlib.metadata.version(name).split("+")[0] for name in ("lossbook", "torch", "numpy")}
print(json.dumps({
    "date": datetime.date.today().isoformat(),
    "versions": {**versions, "Python": platform.python_version()},
    "seconds": round(imports + sum(use.ru_utime + use.ru_stime for use in uses), 1),
    "bytes": peak,
}))
"""


def environment() -> dict[str, str]:
    """What every kernel gets: this package, one thread, the book's figures, and no network."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    path = os.pathsep.join([str(ROOT / "tools" / "offline"), str(ROOT)])
    return {**os.environ, **threads, "LOSSBOOK_BOOK": "1", "PYTHONPATH": path, "PYTHONHASHSEED": "0"}


def key_of(*patterns: str) -> str:
    """A key that changes when Python, or a file that fits one of the patterns, changes."""
    digest = hashlib.sha256(sys.version.encode())
    for file in sorted({file for pattern in patterns for file in ROOT.glob(pattern)}):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def cache_path() -> Path:
    """The folder of outputs that belong to the present package, measurements, pins and Python."""
    return CACHES / key_of("lossbook/**/*", "bench/results/*", "bench/*.py", "requirements.txt")


def repository_url(root: Path = ROOT) -> str:
    """The address of the repository, from the one place where it stands."""
    url = (yaml.safe_load((root / "_config.yml").read_text()).get("repository") or {}).get("url") or ""
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", url):
        raise ValueError(f"_config.yml: repository.url is {url!r}, expected https://github.com/OWNER/REPOSITORY")
    return url


def published_url(root: Path = ROOT) -> str:
    """The address of the published book, which follows from the repository's; it ends with a slash."""
    return site_of(repository_url(root))


def site_of(url: str) -> str:
    """Where GitHub Pages publishes a repository."""
    owner, name = urlsplit(url).path.strip("/").split("/")
    site = f"{owner.lower()}.github.io"
    return f"https://{site}/" if name.lower() == site else f"https://{site}/{name}/"


def chapters() -> list[Path]:
    """Every page that the table of contents names, in its order."""
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    files = [contents["root"]]
    for part in contents.get("parts", []):
        files += [chapter["file"] for chapter in part["chapters"]]
    return [ROOT / f"{file}.md" for file in files]


def executable_chapters() -> list[Path]:
    """The chapters that hold code cells."""
    return [chapter for chapter in chapters() if "```{code-cell}" in chapter.read_text()]


def has_notebook(page: Path) -> bool:
    """Whether a page has a notebook for Colab: it has code, and does not say `colab: false`."""
    text = page.read_text() if page.exists() else ""
    return "```{code-cell}" in text and "\ncolab: false\n" not in text


def notebook_chapters() -> list[Path]:
    return [chapter for chapter in chapters() if has_notebook(chapter)]


def record_path(chapter: Path, cache=None) -> Path | None:
    """Where the record of a chapter lies, beside the outputs that belong to its present code; None without outputs."""
    from jupyter_cache import get_cache

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


def execute(paths: list[Path]) -> list[str]:
    """Execute the given chapters where their outputs are not in the cache; return what went wrong."""
    from jupyter_cache import get_cache
    from jupyter_cache.executors.basic import ExecutionWorkerLocalSerial, ProcessData
    from jupyter_cache.executors.utils import single_nb_execution
    from nbclient import NotebookClient
    from nbformat import v4

    asked = {}

    class Worker(ExecutionWorkerLocalSerial):
        @staticmethod
        def execute(project_nb, data):
            folder, quiet = str(Path(project_nb.uri).parent), ["--IPKernelApp.log_level=ERROR"]
            resources = {"metadata": {"path": folder}}
            client = NotebookClient(project_nb.nb, resources=resources, extra_arguments=quiet)
            with client.setup_kernel():
                result = single_nb_execution(project_nb.nb, folder, data.timeout, False, km=client.km, kc=client.kc)
                question = v4.new_notebook(cells=[v4.new_code_cell(RECORD)])
                NotebookClient(question, km=client.km, kc=client.kc).execute()
            asked[project_nb.uri] = question.cells[0].outputs[0].text
            return result

    os.environ.update(environment())
    folder = cache_path()
    for other in CACHES.glob("*"):
        if other != folder:
            shutil.rmtree(other)
    cache = get_cache(str(folder))
    entries = [cache.add_nb_to_project(str(path), read_data=FORMAT) for path in paths]
    stale = [entry for entry in entries if is_stale(Path(entry.uri), cache)]
    quiet = logging.getLogger("lossbook.execution")
    quiet.setLevel(logging.ERROR)

    def run(entry):
        start = time.monotonic()
        worker_cache = get_cache(str(folder))
        status, _ = Worker(quiet)(ProcessData(entry.pk, entry.uri, worker_cache, 120, False))
        if status == 0:
            record_path(Path(entry.uri), worker_cache).write_text(asked[entry.uri])
        return entry, status, time.monotonic() - start

    failures = []
    print(f"{len(paths) - len(stale)} of {len(paths)} notebooks unchanged, {len(stale)} to execute", flush=True)
    with warm_kernels() if len(stale) > 1 else nullcontext(), ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for count, done in enumerate(as_completed(pool.submit(run, entry) for entry in stale), 1):
            entry, status, seconds = done.result()
            name = Path(entry.uri).relative_to(ROOT)
            verdict = "failed" if status else "executed"
            took = json.loads(asked.get(entry.uri, "{}"))
            cost = f", {took['seconds']:.1f} s of processor time, {took['bytes'] / 1e6:.0f} MB" if took else ""
            print(f"  [{count}/{len(stale)}] {name} {verdict} in {seconds:.1f} s{cost}", flush=True)
            if status:
                failures.append(f"{name}\n{cache.get_project_record(entry.pk).traceback}")
    return failures


def run_jupyter_book(*options: str) -> subprocess.CompletedProcess:
    """Run jupyter-book over the book, every warning an error."""
    program = Path(sys.executable).with_name("jupyter-book")
    command = [str(program), "build", str(ROOT), "-W", "--keep-going", "-q", *options]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(ROOT / "_build" / ".doctrees", ignore_errors=True)  # or the next run would not warn again
    return done


def build() -> int:
    """Write the pages, every warning an error, unless nothing that they are made of has changed."""
    records = cache_path().relative_to(ROOT) / "executed" / "*" / "record.json"
    made_of = ("chapters/**/*", "theme/**/*", "tools/*.py", "references.bib", "CITATION.cff", "_*.yml",
               str(records))
    key = cache_path().name + key_of(*made_of)
    written = ROOT / "_build" / "html" / ".key"
    if written.exists() and written.read_text() == key:
        print("the pages are up to date", flush=True)
        return 0
    print("writing the pages", flush=True)
    written.unlink(missing_ok=True)
    import shapes
    import slides
    import student

    shapes.withdraw()  # the EPUB and the PDF of older pages
    done = run_jupyter_book()
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n")
        return done.returncode
    slides.write()
    student.write()
    written.write_text(key)
    return 0


def main() -> int:
    failures = execute(executable_chapters())
    if failures:
        print("", *failures, sep="\n")
        return 1
    if "--execute" in sys.argv:
        return 0
    status = build()
    if status == 0:
        print(f"The book is ready: {(ROOT / '_build' / 'html' / 'index.html').as_uri()}")
    return status


if __name__ == "__main__":
    sys.exit(main())
