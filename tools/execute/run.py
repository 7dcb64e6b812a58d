"""Execute the chapters whose outputs are not in the cache, side by side.

    python -m tools.execute.run
"""

import json
import logging
import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.executors.basic import ExecutionWorkerLocalSerial, ProcessData
from jupyter_cache.executors.utils import single_nb_execution
from nbclient import NotebookClient
from nbformat import v4

from tools.execute.cache import CACHES, cache_path, environment, is_stale, record_path
from tools.execute.kernels import warm_kernels
from tools.layout import ROOT, executable_chapters

FORMAT = {"name": "myst_nb_md", "type": "plugin"}
# Asked of a kernel after its last cell. The seconds are those of the processor, which do not grow on a busy machine.
# Linux keeps in ru_maxrss what the program that started the kernel took, so there VmHWM is read.
RECORD = """
import datetime, importlib.metadata, json, os, platform, re, resource, sys
from pathlib import Path
imports = float(os.environ.get("LOSSBOOK_IMPORTS", 0))  # of a kernel that was spared them (tools/execute/kernels.py)
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


class Worker(ExecutionWorkerLocalSerial):
    """Executes a chapter as jupyter-cache does, and asks its kernel for the record."""

    asked: dict[str, str] = {}  # noqa: RUF012 (each uri has one entry)

    @staticmethod
    def execute(project_nb, data):
        folder, quiet = str(Path(project_nb.uri).parent), ["--IPKernelApp.log_level=ERROR"]
        client = NotebookClient(project_nb.nb, resources={"metadata": {"path": folder}}, extra_arguments=quiet)
        with client.setup_kernel():
            result = single_nb_execution(project_nb.nb, folder, data.timeout, False, km=client.km, kc=client.kc)
            question = v4.new_notebook(cells=[v4.new_code_cell(RECORD)])
            NotebookClient(question, km=client.km, kc=client.kc).execute()
        Worker.asked[project_nb.uri] = question.cells[0].outputs[0].text
        return result


def execute(paths: list[Path]) -> list[str]:
    """Execute the given chapters where their outputs are not in the cache; return what went wrong."""
    os.environ.update(environment())
    Worker.asked.clear()
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
            record_path(Path(entry.uri), worker_cache).write_text(Worker.asked[entry.uri])
        return entry, status, time.monotonic() - start

    failures = []
    print(f"{len(paths) - len(stale)} of {len(paths)} notebooks unchanged, {len(stale)} to execute", flush=True)
    with warm_kernels() if len(stale) > 1 else nullcontext(), ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for count, done in enumerate(as_completed(pool.submit(run, entry) for entry in stale), 1):
            entry, status, seconds = done.result()
            name = Path(entry.uri).relative_to(ROOT)
            verdict = "failed" if status else "executed"
            took = json.loads(Worker.asked.get(entry.uri, "{}"))
            cost = f", {took['seconds']:.1f} s of processor time, {took['bytes'] / 1e6:.0f} MB" if took else ""
            print(f"  [{count}/{len(stale)}] {name} {verdict} in {seconds:.1f} s{cost}", flush=True)
            if status:
                failures.append(f"{name}\n{cache.get_project_record(entry.pk).traceback}")
    return failures


def main() -> int:
    failures = execute(executable_chapters())
    print(*failures, sep="\n", end="")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
