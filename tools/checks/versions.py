"""Run the notebooks and the tests at other versions than those of requirements.txt.

    python -m tools.checks.versions colab    make .venv-colab at Colab's versions, run every notebook there
    python -m tools.checks.versions here     run every notebook in this Python: for Colab's own image
    python -m tools.checks.versions lowest   make .venv-lowest at the floors of pyproject.toml, run the unit tests there

The notebooks run as a reader's would: copied out of the repository, from top to bottom, in the order of the cells.
Only the address in their first line is another: a clone of this working tree in place of the public repository.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib.metadata import version as installed_version
from pathlib import Path

from tools.layout import ROOT, notebook_chapters, repository_url
from tools.setup import environment
from tools.setup.pins import resolve

COLAB = Path(__file__).with_name("colab.txt")
COLAB_PYTHON = "3.13"
TEST_TOOLS = ["pytest", "pytest-xdist", "hypothesis", "mpmath", "pyyaml"]


def unit_tests() -> list[str]:
    """The tests of the package alone; the chapters, the pages and the tools are tested at the pinned versions."""
    others = re.compile(r"(?m)^(?:from|import) tools\b|\bbench\b")
    found = [path for path in (ROOT / "tests").glob("test_*.py") if not others.search(path.read_text(encoding="utf-8"))]
    return sorted(f"tests/{path.name}" for path in found)


def floors() -> list[str]:
    """The lines of pyproject.toml that the package and the chapters need, where they have a lowest version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["book"]]
    return [line for line in lines if re.fullmatch(r"[\w-]+>=[\d.]+", line)]


def environment_of(folder: Path, python: str, pins: Path) -> str:
    """The Python of a virtual environment with exactly these pins, made anew only when they change."""
    stamp, inside = folder / "made-from.json", str(folder / "bin" / "python")
    version = subprocess.check_output([python, "--version"], text=True)
    key = json.dumps([version, pins.read_text(encoding="utf-8")])
    if stamp.exists() and stamp.read_text(encoding="utf-8") == key:
        print(f"{folder.name} is up to date", flush=True)
        return inside
    print(f"making {folder.name}", flush=True)
    environment.make(folder, python, pins)
    stamp.write_text(key, encoding="utf-8")
    return inside


def clone(folder: Path) -> str:
    """A repository with the package and the measurements of this working tree; return what pip calls its address."""
    for name in ("lossbook", "bench", "pyproject.toml", "LICENSE", "README.md"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, folder / name)
    git = ["git", "-C", str(folder), "-c", "user.name=lossbook", "-c", "user.email=lossbook@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "The package as it is here"]):
        subprocess.check_call([*git, *command])
    return f"git+{folder.as_uri()}"


def pip(python: str, *arguments: str) -> str:
    command = [python, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def versions(python: str) -> dict[str, str]:
    """Every distribution of an environment, and its version."""
    return {package["name"].lower(): package["version"] for package in json.loads(pip(python, "list", "--format=json"))}


def moved(report: dict, before: dict[str, str]) -> list[str]:
    """What an install would change that is there already, by the report of `pip install --dry-run --report`."""
    plan = [(entry["metadata"]["name"], entry["metadata"]["version"]) for entry in report["install"]]
    return [f"{name} {before[name.lower()]} -> {new}" for name, new in plan if name.lower() in before]


def planned(python: str, address: str, folder: Path) -> dict:
    """What pip says that it would install."""
    report = folder / "report.json"
    pip(python, "install", "-q", "--dry-run", "--report", str(report), address)
    return json.loads(report.read_text(encoding="utf-8"))


def prepared(notebook, address: str):
    """The notebook with the local address in its install line, and that line alone changed."""
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    public = f"git+{repository_url()}"
    if cell.source.count(public) != 1:
        raise ValueError(f"the first code cell does not install {public}: {cell.source}")
    cell.source = cell.source.replace(public, address)
    return notebook


def run_notebook(path: Path, address: str, folder: Path) -> str:
    """Run one notebook in a folder of its own; return the error that stopped it, or nothing."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    folder.mkdir()
    notebook = prepared(nbformat.read(path, as_version=4), address)
    resources = {"metadata": {"path": str(folder)}}
    try:
        client = NotebookClient(notebook, kernel_name="reader", timeout=600, resources=resources)
        client.execute(env=readers_environment())
    except CellExecutionError as problem:
        return re.sub(r"\x1b\[[\d;]*m", "", str(problem))
    return ""


def make_kernel(python: str, folder: Path) -> None:
    """Let Jupyter start the kernel of that Python under the name `reader`."""
    file = folder / "kernels" / "reader" / "kernel.json"
    file.parent.mkdir(parents=True)
    command = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    file.write_text(json.dumps({"argv": command, "display_name": "reader", "language": "python"}), encoding="utf-8")
    os.environ["JUPYTER_PATH"] = str(folder)


def readers_environment() -> dict[str, str]:
    """What a reader's kernel sees: nothing of this repository, nothing of the build."""
    hidden = {"PYTHONPATH", "LOSSBOOK_BOOK", "VIRTUAL_ENV", "MPLBACKEND"}
    ours = {"OMP_NUM_THREADS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    return {key: value for key, value in os.environ.items() if key not in hidden} | ours


def run_notebooks(python: str) -> int:
    """Install as the notebooks do, see that nothing moves, run them all; return how much went wrong."""
    paths = [chapter.with_suffix(".ipynb") for chapter in notebook_chapters()]
    problems = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "clone").mkdir()
        address = clone(folder / "clone")
        make_kernel(python, folder)
        if "lossbook" in versions(python):
            pip(python, "uninstall", "-q", "-y", "lossbook")
        before = versions(python)
        report = planned(python, address, folder)
        names = [f"{entry['metadata']['name']} {entry['metadata']['version']}" for entry in report["install"]]
        print(f"the install line brings {', '.join(names)}", flush=True)
        problems += [f"the install would move {change}" for change in moved(report, before)]
        if problems:
            return report_of(problems)

        def run(path):
            start = time.monotonic()
            return path, run_notebook(path, address, folder / path.stem), time.monotonic() - start

        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            first = pool.submit(run, paths[0])
            first.result()  # its install line installs; the others find the package
            for done in as_completed([first, *(pool.submit(run, path) for path in paths[1:])]):
                path, error, seconds = done.result()
                name = path.relative_to(ROOT)
                print(f"  {name} {'failed' if error else 'ran'} in {seconds:.0f} s", flush=True)
                problems += [f"{name}: {error}"] if error else []
        if "lossbook" not in versions(python):
            problems.append("the install line of the first notebook installed nothing")
        pip(python, "uninstall", "-q", "-y", "lossbook")
    return report_of(problems)


def report_of(problems: list[str]) -> int:
    print(*(problems or ["every notebook ran from top to bottom, and no version moved"]), sep="\n", flush=True)
    return len(problems)


def colab() -> int:
    find = [sys.executable, "-m", "uv", "python", "find", "--system", "--no-python-downloads", COLAB_PYTHON]
    found = subprocess.run(find, capture_output=True, text=True, check=False)
    if found.returncode:
        print(f"Colab has Python {COLAB_PYTHON}, and this machine has none.\n{found.stderr}", end="")
        return 1
    return run_notebooks(environment_of(ROOT / ".venv-colab", found.stdout.strip(), COLAB))


def here() -> int:
    for name, version in environment.pinned(COLAB).items():
        there = installed_version(name).split("+")[0]  # torch adds the name of its CUDA
        if there != version:
            print(f"Colab has moved on: {name} is {there}, and tools/checks/colab.txt says {version}")
    return run_notebooks(sys.executable)


def lowest() -> int:
    pinned = environment.pinned()
    with tempfile.TemporaryDirectory() as folder:
        wanted, pins = Path(folder, "wanted.in"), Path(folder, "pins.txt")
        wanted.write_text("\n".join([*floors(), *(f"{name}=={pinned[name]}" for name in TEST_TOOLS)]), encoding="utf-8")
        resolve(pins, str(wanted), "--resolution=lowest-direct", "--no-header", f"--python={sys.executable}")
        python = environment_of(ROOT / ".venv-lowest", sys.executable, pins)
    # Old releases use what newer ones of their own dependencies call deprecated; all other warnings stay errors.
    ignored = ["-W", "ignore::DeprecationWarning"]
    command = [python, "-m", "pytest", "-q", "-n", "auto", *ignored, "--doctest-modules", "lossbook", *unit_tests()]
    environ = readers_environment() | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


def main(arguments: list[str]) -> int:
    commands = {"colab": colab, "here": here, "lowest": lowest}
    if len(arguments) != 1 or arguments[0] not in commands:
        print(__doc__)
        return 2
    try:
        return 1 if commands[arguments[0]]() else 0
    except RuntimeError as problem:  # an environment that cannot be made
        print(problem)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
