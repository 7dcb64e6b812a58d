"""How the notebooks are run at Colab's versions and the package at its lowest: the parts that need no download."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from packaging.version import Version

from tools.checks import versions
from tools.layout import ROOT, notebook_chapters, repository_url
from tools.setup import environment

COLAB = environment.pinned(versions.COLAB)
FLOORS = dict(line.split(">=") for line in versions.floors())


def test_every_floor_lies_at_or_below_what_colab_has():
    assert {"numpy", "torch", "matplotlib", "scikit-learn", "scipy", "altair"} <= {*FLOORS} & {*COLAB}
    assert [name for name in {*FLOORS} & {*COLAB} if Version(FLOORS[name]) > Version(COLAB[name])] == []


def test_the_pins_lie_at_or_above_the_floors():
    pins = environment.pinned()
    assert [name for name, floor in FLOORS.items() if Version(pins[name]) < Version(floor)] == []


@pytest.mark.parametrize("folder", [".venv-colab", ".venv-lowest"])
def test_the_environments_are_not_under_version_control(folder):
    if not (ROOT / ".git").exists():
        pytest.skip("this copy is not under version control")
    ignored = subprocess.run(["git", "check-ignore", "-q", f"{folder}/x"], cwd=ROOT, check=False)
    assert ignored.returncode == 0


# The install.


def test_an_install_that_moves_a_version_is_named():
    def plan(*packages):
        return {"install": [{"metadata": {"name": name, "version": version}} for name, version in packages]}

    before = {"numpy": "2.1.3", "pyyaml": "6.0"}
    assert versions.moved(plan(("lossbook", "0.1.0"), ("pooch", "1.9.0")), before) == []
    report = plan(("lossbook", "0.1.0"), ("numpy", "2.4.6"), ("PyYAML", "6.0.3"))
    assert versions.moved(report, before) == ["numpy 2.1.3 -> 2.4.6", "PyYAML 6.0 -> 6.0.3"]


def test_pip_is_asked_what_the_install_line_would_do_before_it_does_it(monkeypatch, tmp_path, capsys):
    """With a floor above what is there, no notebook runs, and what would move is said."""
    plan = {"install": [{"metadata": {"name": "numpy", "version": "99.0"}}]}
    monkeypatch.setattr(versions, "versions", lambda _: {"numpy": "2.1.3"})
    monkeypatch.setattr(versions, "planned", lambda *_: plan)
    monkeypatch.setattr(versions, "run_notebook", lambda *_: pytest.fail("a notebook ran"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert versions.run_notebooks("python") == 1
    assert "the install would move numpy 2.1.3 -> 99.0" in capsys.readouterr().out


def test_the_clone_is_the_package_as_it_is_here(tmp_path):
    address = versions.clone(tmp_path)
    assert address == f"git+file://{tmp_path}"
    listed = subprocess.check_output(["git", "-C", str(tmp_path), "ls-files"], text=True).split()
    here = {path.relative_to(ROOT).as_posix() for path in (ROOT / "lossbook").glob("*.py")}
    assert here | {"pyproject.toml", "LICENSE"} <= set(listed)
    there, ours = (root / "lossbook" / "imbalance.py" for root in (tmp_path, ROOT))
    assert there.read_bytes() == ours.read_bytes()


def notebook_of(*sources: str):
    first = f'get_ipython().run_line_magic("pip", "install -q git+{repository_url()}")'
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (first, *sources)])


def test_only_the_address_in_the_first_code_cell_is_changed():
    for chapter in notebook_chapters():
        before = nbformat.read(chapter.with_suffix(".ipynb"), as_version=4)
        after = versions.prepared(nbformat.read(chapter.with_suffix(".ipynb"), as_version=4), "git+file:///clone")
        changed = [index for index, cell in enumerate(before.cells) if cell.source != after.cells[index].source]
        first = next(index for index, cell in enumerate(before.cells) if cell.cell_type == "code")
        assert changed == [first]
        assert "install -q git+file:///clone" in after.cells[first].source


def test_a_notebook_that_installs_something_else_is_refused():
    other = notebook_of()
    other.cells[0].source = "%pip install lossbook"
    with pytest.raises(ValueError, match=r"the first code cell does not install git\+https://github\.com/"):
        versions.prepared(other, "git+file:///clone")


# The run.


def test_a_notebook_runs_outside_the_repository_as_a_readers_would(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", "")
    monkeypatch.setenv("LOSSBOOK_BOOK", "1")
    versions.make_kernel(sys.executable, tmp_path)
    seen = "import os\nprint(os.getcwd(), os.environ.get('LOSSBOOK_BOOK'), os.environ.get('PYTHONPATH'))"
    notebook = notebook_of(seen)
    notebook.cells[0].source = f"'git+{repository_url()}';"
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text=f"{tmp_path / 'good'} None None\n")]
    nbformat.write(notebook, tmp_path / "good.ipynb")
    assert versions.run_notebook(tmp_path / "good.ipynb", "git+file:///clone", tmp_path / "good") == ""
    notebook.cells[1].source = "undefined_name"
    nbformat.write(notebook, tmp_path / "bad.ipynb")
    error = versions.run_notebook(tmp_path / "bad.ipynb", "git+file:///clone", tmp_path / "bad")
    assert "NameError: name 'undefined_name' is not defined" in error


# The environments.


@pytest.fixture
def pins(tmp_path):
    path = tmp_path / "pins.txt"
    path.write_text("torch==2.0\n", encoding="utf-8")
    return path


def test_an_environment_is_made_anew_only_when_it_changes(tmp_path, pins, monkeypatch):
    made, folder = [], tmp_path / ".venv-x"

    def make(place, python, wanted):
        made.append((place, python, wanted))
        place.mkdir(exist_ok=True)

    monkeypatch.setattr(environment, "make", make)
    for _ in range(2):
        assert versions.environment_of(folder, sys.executable, pins) == str(folder / "bin" / "python")
        assert made == [(folder, sys.executable, pins)]
    pins.write_text("torch==2.1\n", encoding="utf-8")
    versions.environment_of(folder, sys.executable, pins)
    assert len(made) == 2


def test_an_environment_whose_install_failed_is_not_taken_for_ready(tmp_path, pins, monkeypatch):
    def fail(*_):
        (tmp_path / ".venv-x").mkdir(exist_ok=True)
        raise RuntimeError("This step failed")

    monkeypatch.setattr(environment, "make", fail)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="This step failed"):
            versions.environment_of(tmp_path / ".venv-x", sys.executable, pins)


@pytest.mark.parametrize("found", ["a/python3.13", ""])
def test_the_notebooks_run_on_colabs_python_or_the_lack_of_it_is_said(found, monkeypatch, capsys):
    done = subprocess.CompletedProcess([], 0 if found else 2, f"{found}\n", "no interpreter found\n")
    monkeypatch.setattr(versions.subprocess, "run", lambda *_, **__: done)
    monkeypatch.setattr(versions, "environment_of", lambda _, python, wanted: (python, wanted))
    monkeypatch.setattr(versions, "run_notebooks", lambda asked: {("a/python3.13", versions.COLAB): 0}[asked])
    assert versions.main(["colab"]) == (0 if found else 1)
    said = capsys.readouterr().out
    assert ("this machine has none" in said and "no interpreter found" in said) == (not found)


def test_the_lowest_versions_are_the_floors_themselves(monkeypatch):
    asked = {}

    def resolve(file, source, *options):
        asked["lines"], asked["options"] = Path(source).read_text(encoding="utf-8").splitlines(), options
        file.write_text("torch==2.4\n", encoding="utf-8")

    monkeypatch.setattr(versions, "resolve", resolve)
    keep = lambda _, __, wanted: asked.update(pins=wanted.read_text(encoding="utf-8")) or "python"  # noqa: E731
    monkeypatch.setattr(versions, "environment_of", keep)
    monkeypatch.setattr(versions.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1))
    assert versions.main(["lowest"]) == 1, "a failing test makes the command fail"
    assert {f"{name}>={floor}" for name, floor in FLOORS.items()} <= {*asked["lines"]}
    assert {f"{name}=={environment.pinned()[name]}" for name in versions.TEST_TOOLS} <= {*asked["lines"]}
    assert "--resolution=lowest-direct" in asked["options"]
    assert asked["pins"] == "torch==2.4\n"
    assert all((ROOT / test).exists() for test in versions.unit_tests())


def test_an_unknown_command_prints_what_can_be_done(capsys):
    assert versions.main(["colb"]) == 2
    assert "versions lowest" in capsys.readouterr().out


def test_the_run_in_this_python_says_where_colab_has_moved_on(monkeypatch, capsys):
    there = {**COLAB, "numpy": "99", "torch": f"{COLAB['torch']}+cu128"}
    monkeypatch.setattr(versions, "installed_version", there.get)
    monkeypatch.setattr(versions, "run_notebooks", lambda python: {sys.executable: 0}[python])
    assert versions.main(["here"]) == 0
    assert capsys.readouterr().out.count("Colab has moved on") == 1


def test_the_kernel_of_a_reader_has_nothing_of_the_build(monkeypatch):
    for name in ("PYTHONPATH", "LOSSBOOK_BOOK", "VIRTUAL_ENV", "MPLBACKEND"):
        monkeypatch.setenv(name, "x")
    assert not {"PYTHONPATH", "LOSSBOOK_BOOK", "VIRTUAL_ENV", "MPLBACKEND"} & set(versions.readers_environment())
    assert versions.readers_environment()["PATH"] == os.environ["PATH"]


def test_the_plan_of_pip_is_read_from_its_report(monkeypatch, tmp_path):
    def pip(python, *arguments):
        assert (python, arguments[-1]) == ("python", "git+file:///clone")
        assert "--dry-run" in arguments
        Path(arguments[arguments.index("--report") + 1]).write_text(json.dumps({"install": []}), encoding="utf-8")

    monkeypatch.setattr(versions, "pip", pip)
    assert versions.planned("python", "git+file:///clone", tmp_path) == {"install": []}
