"""Execute the chapters whose outputs are not in the cache, side by side.

    python -m tools.execute.run
"""

import json
import os
import re
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient
from nbformat import NotebookNode, v4

from tools.chapter import read
from tools.execute.cache import BUILD, MOST, OUTPUTS, alone, environment, is_stale, keep, kept, key, put_record
from tools.layout import ROOT, executable_chapters

FORMAT = {"name": "myst_nb_md", "type": "plugin"}
# Asked of a kernel after its last cell. The seconds are those of the processor, which do not grow on a busy machine.
# Linux keeps in ru_maxrss what the program that started the kernel took, so there VmHWM is read.
RECORD = """
import datetime, importlib.metadata, json, platform, re, resource, sys
from pathlib import Path
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
    "seconds": round(sum(use.ru_utime + use.ru_stime for use in uses), 1),
    "bytes": peak,
}))
"""


def executed(chapter: Path, notebook: NotebookNode) -> dict:
    """Run all cells in a kernel of their own; what was printed in pieces is joined. Returns the record."""
    wanted = key(chapter)  # of what is executed, whatever is edited meanwhile
    quiet = {"extra_arguments": ["--IPKernelApp.log_level=ERROR"], "resources": {"metadata": {"path": chapter.parent}}}
    client, question = NotebookClient(notebook, **quiet), v4.new_notebook(cells=[v4.new_code_cell(RECORD)])
    with client.setup_kernel():
        for cells in (notebook, question):
            NotebookClient(cells, km=client.km, kc=client.kc, timeout=600, record_timing=False).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
    return {"key": wanted, **json.loads(question.cells[0].outputs[0].text)}


def joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The same outputs, what was printed in pieces put together exactly: where a kernel cuts is chance."""
    whole = []
    for output in outputs:
        if output.output_type == "stream" and whole and whole[-1].get("name") == output.name:
            whole[-1].text += output.text
        else:
            whole.append(output)
    return whole


def put(notebook: NotebookNode, record: dict, chapter: Path, cache) -> None:
    """Put an executed chapter and its record where its page finds them."""
    cache.cache_notebook_bundle(CacheBundleIn(notebook, str(chapter)), check_validity=False, overwrite=True)
    put_record(chapter, record, cache)


def restore(chapter: Path, notebook: NotebookNode, cache) -> bool:
    """Give a chapter the outputs that are kept under its present key; whether there are any."""
    found = kept(chapter)
    if found is None:
        return False
    cells = ([cell for cell in cells if cell.cell_type == "code"] for cells in (notebook.cells, found.cells))
    for cell, before in zip(*cells, strict=True):
        cell.outputs, cell.execution_count = before.outputs, before.execution_count
    put(notebook, found.metadata["record"], chapter, cache)
    return True


def where(chapter: Path, told: str) -> str:
    """FILE:LINE of the line of a cell that failed, and what went wrong."""
    told = re.sub(r"\x1b\[[\d;]*m", "", told).strip()
    failed = told.split("-" * 18 + "\n")[1].strip("\n") if "-" * 18 in told else ""
    start = next((cell.line for cell in read(chapter).cells if failed and cell.source.strip("\n") == failed), 1)
    inside = re.search(r"(?m)^ *Cell In\[\d+\], line (\d+)", told)
    line = start + int(inside[1]) - 1 if inside else start
    said = [row for row in told.splitlines() if re.match(r"[\w.]*(Error|Exception|Interrupt)\b", row)]
    return f"{chapter.relative_to(ROOT)}:{line}: {said[-1] if said else 'failed'}"


def written(told: str, chapter: Path) -> str:
    """Put a traceback into a file of its own, where it drowns nothing, and say where."""
    file = BUILD / "failures" / f"{chapter.stem}.txt"
    file.parent.mkdir(exist_ok=True)
    file.write_text(re.sub(r"\x1b\[[\d;]*m", "", told), encoding="utf-8")
    return f"traceback in {file.relative_to(ROOT)}"


def find_fonts() -> None:
    """Let matplotlib look for fonts once, so that no cell says that it does."""
    if not any(Path(os.environ["MPLCONFIGDIR"]).glob("fontlist*")):
        subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], capture_output=True, check=False)


def execute(paths: list[Path]) -> list[str]:
    """Execute the given chapters where their outputs are not there; return what went wrong."""
    os.environ.update(environment())
    cache = get_cache(str(OUTPUTS))
    cache.change_cache_limit(MOST)
    stale = {}
    for path in paths:
        entry = cache.add_nb_to_project(str(path), read_data=FORMAT)
        if is_stale(path, cache):
            notebook = cache.get_project_notebook(entry.pk).nb
            if not restore(path, notebook, cache):
                stale[path] = notebook

    def run(chapter: Path) -> tuple[Path, dict, str, float]:
        start = time.monotonic()
        try:
            record = executed(chapter, stale[chapter])
            put(stale[chapter], record, chapter, get_cache(str(OUTPUTS)))
            keep(stale[chapter], record)
        except Exception:  # of a cell, or of its kernel
            return chapter, {}, traceback.format_exc(), time.monotonic() - start
        return chapter, record, "", time.monotonic() - start

    failures = []
    print(f"{len(paths) - len(stale)} of {len(paths)} notebooks unchanged, {len(stale)} to execute", flush=True)
    if stale:
        find_fonts()
    pool = ThreadPoolExecutor(max_workers=os.cpu_count())
    try:
        for count, done in enumerate(as_completed([pool.submit(run, chapter) for chapter in stale]), 1):
            chapter, took, told, seconds = done.result()
            verdict = "failed" if told else "executed"
            cost = f", {took['seconds']:.1f} s of processor time, {took['bytes'] / 1e6:.0f} MB" if took else ""
            name = chapter.relative_to(ROOT)
            print(f"  [{count}/{len(stale)}] {name} {verdict} in {seconds:.1f} s{cost}", flush=True)
            if told:
                failures.append(f"{where(chapter, told)} ({written(told, chapter)})\n")
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return failures


@contextmanager
def one_build() -> Iterator[None]:
    """Work alone in this folder, and end at once with one line when the person says so."""
    try:
        with alone():
            yield
    except KeyboardInterrupt:
        print("\nStopped. What was finished is kept, and the same command goes on from there.", flush=True)
        os._exit(130)  # threads still wait for their kernels, which end with this process


def main() -> int:
    with one_build():
        failures = execute(executable_chapters())
    print(*failures, sep="", end="")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
