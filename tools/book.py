"""Build the book: execute what is stale, in parallel, then write the pages.

    python tools/book.py             execute and build
    python tools/book.py --execute   only execute

The outputs live in a cache that jupyter-cache keys by the code of a chapter.
The folder of the cache is keyed by the package and the pins, because a chapter's outputs depend on them too.
"""

import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from urllib.parse import urlsplit

import yaml

ROOT = Path(__file__).resolve().parent.parent
CACHES = ROOT / "_build" / "cache"
FORMAT = {"name": "myst_nb_md", "type": "plugin"}


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
    return CACHES / key_of("lossbook/**/*", "bench/results/*", "bench/tables.py", "requirements.txt")


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


def execute(paths: list[Path]) -> list[str]:
    """Execute the given chapters where their outputs are not in the cache; return what went wrong."""
    from jupyter_cache import get_cache
    from jupyter_cache.executors.basic import ExecutionWorkerLocalSerial, ProcessData
    from jupyter_cache.executors.utils import single_nb_execution

    class Worker(ExecutionWorkerLocalSerial):
        @staticmethod
        def execute(project_nb, data):
            folder, quiet = str(Path(project_nb.uri).parent), ["--IPKernelApp.log_level=ERROR"]
            return single_nb_execution(project_nb.nb, folder, data.timeout, False, extra_arguments=quiet)

    os.environ.update(environment())
    folder = cache_path()
    for stale in CACHES.glob("*"):
        if stale != folder:
            shutil.rmtree(stale)
    cache = get_cache(str(folder))
    records = [cache.add_nb_to_project(str(path), read_data=FORMAT) for path in paths]
    records = [record for record in records if cache.get_cached_project_nb(record.pk) is None]
    quiet = logging.getLogger("lossbook.execution")
    quiet.setLevel(logging.ERROR)

    def run(record):
        start = time.monotonic()
        worker_cache = get_cache(str(folder))
        status, _ = Worker(quiet)(ProcessData(record.pk, record.uri, worker_cache, 120, False))
        return record, status, time.monotonic() - start

    failures = []
    print(f"{len(paths) - len(records)} of {len(paths)} notebooks unchanged, {len(records)} to execute", flush=True)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for count, done in enumerate(as_completed(pool.submit(run, record) for record in records), 1):
            record, status, seconds = done.result()
            name = Path(record.uri).relative_to(ROOT)
            verdict = "failed" if status else "executed"
            print(f"  [{count}/{len(records)}] {name} {verdict} in {seconds:.1f} s", flush=True)
            if status:
                failures.append(f"{name}\n{cache.get_project_record(record.pk).traceback}")
    return failures


def build() -> int:
    """Write the pages, every warning an error, unless nothing that they are made of has changed."""
    made_from = ["chapters/**/*", "theme/**/*", "tools/*.py", "references.bib", "CITATION.cff", "_*.yml"]
    key = cache_path().name + key_of(*made_from)
    written = ROOT / "_build" / "html" / ".key"
    if written.exists() and written.read_text() == key:
        print("the pages are up to date", flush=True)
        return 0
    print("writing the pages", flush=True)
    written.unlink(missing_ok=True)
    program = Path(sys.executable).with_name("jupyter-book")
    command = [str(program), "build", str(ROOT), "-W", "--keep-going", "-q"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n")
        shutil.rmtree(ROOT / "_build" / ".doctrees", ignore_errors=True)  # or the next run would not warn again
    else:
        written.write_text(key)
    return done.returncode


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
