"""Run the notebooks and the tests at other versions than those of requirements.txt.

    python tools/versions.py colab      make .venv-colab at Colab's versions, run every notebook there
    python tools/versions.py here       run every notebook in this Python: for Colab's own image
    python tools/versions.py lowest     make .venv-lowest at the floors of pyproject.toml, run the unit tests there

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

from book import ROOT, notebook_chapters, repository_url
from kernels import specify

# What Colab published in August 2026.
COLAB_PYTHON = "3.13"
COLAB = {
    "numpy": "2.1.3",
    "scipy": "1.16.3",
    "pandas": "2.2.3",
    "matplotlib": "3.10.0",
    "scikit-learn": "1.6.1",
    "altair": "5.5.0",
    "torch": "2.11.0",
    "ipython": "7.34.0",
    "ipykernel": "6.17.1",
    "ipywidgets": "7.7.1",
}
# The tests of the package; the chapters, the pages and the tools are tested at the pinned versions alone.
UNIT_TESTS = [f"tests/test_{name}.py" for name in ("losses", "information", "metrics", "data", "plots", "package")]
TEST_TOOLS = ["pytest", "pytest-xdist", "hypothesis", "mpmath", "beautifulsoup4", "PyYAML", "vl-convert-python"]


def floors() -> dict[str, str]:
    """The lowest version that pyproject.toml admits of each dependency of the package and the chapters."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["book"]]
    return dict(found.groups() for line in lines if (found := re.fullmatch(r"([\w-]+)>=([\d.]+)", line)))


def pins() -> dict[str, str]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def version_of(python: str) -> str | None:
    """The version of a Python, as `3.13`; None for what does not run, such as the empty shims of pyenv."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return None if done.returncode else done.stdout.strip()


def python_for_colab() -> str:
    """A Python of Colab's version, if this machine has one, else the Python that runs this."""
    name = f"python{COLAB_PYTHON}"
    homes = [Path.home() / ".pyenv/versions", Path.home() / ".local/share/uv/python"]
    managed = [str(path) for home in homes for path in sorted(home.glob(f"*{COLAB_PYTHON}.*/bin/{name}"))]
    found = filter(None, [shutil.which(name), *managed])
    return next((python for python in found if version_of(python) == COLAB_PYTHON), sys.executable)


def environment_of(folder: Path, python: str, wanted: list[str]) -> str:
    """The Python of a virtual environment with exactly these requirements, made anew only when they change."""
    stamp, inside = folder / "made-from.json", str(folder / "bin" / "python")
    key = json.dumps([subprocess.check_output([python, "--version"], text=True), sorted(wanted)])
    if stamp.exists() and stamp.read_text() == key:
        print(f"{folder.name} is up to date", flush=True)
        return inside
    print(f"making {folder.name}: {' '.join(wanted)}", flush=True)
    subprocess.check_call([python, "-m", "venv", "--clear", str(folder)])
    subprocess.check_call([inside, "-m", "pip", "install", "-q", "--disable-pip-version-check", *wanted])
    stamp.write_text(key)
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
    return json.loads(report.read_text())


def prepared(notebook, address: str):
    """The notebook with the local address in its install line, and that line alone changed."""
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    public = f"git+{repository_url()}"
    if cell.source.count(public) != 1:
        raise ValueError(f"the first code cell does not install {public}: {cell.source}")
    cell.source = cell.source.replace(public, address)
    return notebook


def text_of(cell) -> str:
    """What a cell shows as text, however the kernel cut it."""
    return "".join(
        output.get("text") or output.get("ename") or output.get("data", {}).get("text/plain", "")
        for output in cell.get("outputs", [])
    )


def differing(stored, run) -> list[int]:
    """The cells whose text is not what the repository's notebook says, among those that nbval compares."""
    exempt = {"nbval-ignore-output", "nbval-skip"}
    code = [
        (index, old, new)
        for index, (old, new) in enumerate(zip(stored.cells, run.cells, strict=True))
        if new.cell_type == "code" and not exempt & {*old.metadata.get("tags", [])}
    ]
    return [index for index, old, new in code[1:] if text_of(old) != text_of(new)]  # the first is the install line


def run_notebook(path: Path, address: str, folder: Path) -> tuple[list[int], str]:
    """Run one notebook in a folder of its own; return the cells that differ, and the error that stopped it."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    folder.mkdir()
    stored = nbformat.read(path, as_version=4)
    notebook = prepared(nbformat.read(path, as_version=4), address)
    resources = {"metadata": {"path": str(folder)}}
    try:
        client = NotebookClient(notebook, kernel_name="reader", timeout=600, resources=resources)
        client.execute(env=readers_environment())
    except CellExecutionError as problem:
        return [], re.sub(r"\x1b\[[\d;]*m", "", str(problem))
    return differing(stored, notebook), ""


def make_kernel(python: str, folder: Path) -> None:
    """Let Jupyter start the kernel of that Python under the name `reader`."""
    specify(folder, "reader", python, "-m", "ipykernel_launcher")
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
            return path, *run_notebook(path, address, folder / path.stem), time.monotonic() - start

        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            first = pool.submit(run, paths[0])
            first.result()  # its install line installs; the others find the package
            for done in as_completed([first, *(pool.submit(run, path) for path in paths[1:])]):
                path, differ, error, seconds = done.result()
                name = path.relative_to(ROOT)
                print(f"  {name} {'failed' if error else 'ran'} in {seconds:.0f} s", flush=True)
                problems += [f"{name}: {error}"] if error else []
                if differ:
                    print(f"    other text than in the repository: cells {differ}", flush=True)
        after = versions(python)
        if "lossbook" not in after:
            problems.append("the install line of the first notebook installed nothing")
        changed = [f"{name} {before[name]} -> {after.get(name)}" for name in before if after.get(name) != before[name]]
        problems += [f"the install moved {change}" for change in changed]
        pip(python, "uninstall", "-q", "-y", "lossbook")
    return report_of(problems)


def report_of(problems: list[str]) -> int:
    print(*(problems or ["every notebook ran from top to bottom, and no version moved"]), sep="\n", flush=True)
    return len(problems)


def colab() -> int:
    python, wanted = python_for_colab(), dict(COLAB)
    running = version_of(python)
    if running != COLAB_PYTHON:
        # It is not Colab in any case, so torch may be the one that is here already.
        wanted["torch"] = pins()["torch"]
        print(f"no Python {COLAB_PYTHON} here: Python {running} and torch {wanted['torch']} stand in")
    requirements = [f"{name}=={version}" for name, version in wanted.items()]
    inside = environment_of(ROOT / ".venv-colab", python, requirements)
    return run_notebooks(inside)


def here() -> int:
    for name, version in COLAB.items():
        there = installed_version(name).split("+")[0]  # torch adds the name of its CUDA
        if there != version:
            print(f"Colab has moved on: {name} is {there}, and tools/versions.py says {version}")
    return run_notebooks(sys.executable)


def lowest() -> int:
    pinned = pins()
    requirements = [f"{name}=={version}" for name, version in floors().items()]
    requirements += [f"{name}=={pinned[name]}" for name in TEST_TOOLS]
    python = environment_of(ROOT / ".venv-lowest", sys.executable, requirements)
    # Old releases use what newer ones of their own dependencies call deprecated; all other warnings stay errors.
    ignored = ["-W", "ignore::DeprecationWarning"]
    command = [python, "-m", "pytest", "-q", "-n", "auto", *ignored, "--doctest-modules", "lossbook", *UNIT_TESTS]
    environ = readers_environment() | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


def main(arguments: list[str]) -> int:
    commands = {"colab": colab, "here": here, "lowest": lowest}
    if len(arguments) != 1 or arguments[0] not in commands:
        print(__doc__)
        return 2
    return 1 if commands[arguments[0]]() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
