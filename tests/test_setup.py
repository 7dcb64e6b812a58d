"""The first run: what a machine lacks is said, torch comes without CUDA, and nothing is emptied or made for nothing."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.layout import ROOT
from tools.setup import environment, pins


def edit(path: Path, old: str, new: str) -> None:
    assert old in path.read_text(encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_an_old_python_is_told_what_to_install():
    assert "Python 3.11 or newer" in environment.missing(version=(3, 10))
    assert "make PYTHON=" in environment.missing(version=(3, 10))


def test_a_python_without_venv_is_told_what_to_install():
    assert "python3-venv" in environment.missing(find=lambda name: None if name == "ensurepip" else name)
    assert environment.missing() is None


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project in a folder of its own, whose environment is made of nothing; `ran` holds what would have run."""
    root, ran = tmp_path / "book", []
    root.mkdir()
    (root / "requirements.txt").write_text("numpy==2.0 ; sys_platform != 'x'\ntorch==2.1\nuv==0.3\n", encoding="utf-8")

    def run(*command):
        ran.append(command[1:])
        if "venv" in command:
            folder = Path(command[-1])
            (folder / "bin").mkdir(parents=True, exist_ok=True)
            (folder / "pyvenv.cfg").touch()
            (folder / "bin" / "python").touch()

    for name, value in {"ROOT": root, "VENV": root / ".venv", "PINS": root / "requirements.txt", "run": run}.items():
        monkeypatch.setattr(environment, name, value)
    monkeypatch.setattr(environment.sys, "platform", "linux")
    monkeypatch.setattr(environment.shutil, "which", lambda _: None)
    return SimpleNamespace(root=root, ran=ran, venv=root / ".venv")


def installs(project) -> list[str]:
    """What each call of an installer was asked for."""
    return [command[-1] for command in project.ran if "install" in command]


def test_without_a_gpu_torch_comes_first_and_without_cuda(project):
    assert environment.main() == 0
    assert project.ran[0][:2] == ("-m", "venv")
    assert installs(project) == ["uv==0.3", "torch==2.1", str(project.root / "requirements.txt"), str(project.root)]
    (torch,) = (command for command in project.ran if command[-1] == "torch==2.1")
    assert torch[:3] == ("-m", "uv", "pip")
    assert {"--torch-backend=cpu", "--no-deps"} <= {*torch}


def test_where_that_build_cannot_be_had_the_ordinary_one_is_installed_and_that_is_said(project, monkeypatch, capsys):
    def run(*command, run=environment.run):
        run(*command)
        if "--torch-backend=cpu" in command:
            raise RuntimeError("no such index")

    monkeypatch.setattr(environment, "run", run)
    assert environment.main() == 0
    assert "without CUDA cannot be had here, so the ordinary one is installed" in capsys.readouterr().out
    assert [command[1] for command in project.ran if command[-1] == "torch==2.1"] == ["uv", "pip"]


@pytest.mark.parametrize(("platform", "driver"), [("linux", "/usr/bin/nvidia-smi"), ("darwin", None)])
def test_with_a_gpu_and_on_macos_torch_is_the_ordinary_build(platform, driver, project, monkeypatch, capsys):
    monkeypatch.setattr(environment.sys, "platform", platform)
    monkeypatch.setattr(environment.shutil, "which", lambda _: driver)
    assert environment.main() == 0
    assert [command[1] for command in project.ran if command[-1] == "torch==2.1"] == ["pip"]
    assert "cannot be had" not in capsys.readouterr().out


def test_the_environment_is_made_anew_when_a_content_changes_and_not_when_a_time_does(project):
    assert environment.main() == 0
    pins, made = project.root / "requirements.txt", len(project.ran)
    os.utime(pins, (0, 9e9))
    assert environment.main() == 0
    assert len(project.ran) == made
    edit(pins, "2.0", "2.0.1")
    assert environment.main() == 0
    assert len(project.ran) == 2 * made


def test_an_environment_of_another_place_is_noticed_and_made_anew(project, monkeypatch, capsys):
    environment.main()
    made, moved = len(project.ran), project.root.rename(project.root.with_name("moved"))
    for name, value in {"ROOT": moved, "VENV": moved / ".venv", "PINS": moved / "requirements.txt"}.items():
        monkeypatch.setattr(environment, name, value)
    assert environment.main() == 0
    assert len(project.ran) == 2 * made
    assert f".venv was made for {project.root}, and this is {moved}: it is made anew." in capsys.readouterr().out


def test_an_environment_whose_python_is_gone_is_made_anew(project):
    environment.main()
    made = len(project.ran)
    (project.venv / "bin" / "python").unlink()
    (project.venv / "bin" / "python").symlink_to(project.root / "no-python")
    assert environment.main() == 0
    assert len(project.ran) == 2 * made


def test_nothing_is_emptied_that_is_no_environment(project, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "pyvenv.cfg").touch()  # an environment, too, but of somebody else
    (mine / "thesis.txt").touch()
    project.venv.symlink_to(mine)
    assert f"is a link to {mine}, and making the environment would empty that folder" in environment.main()
    project.venv.unlink()
    project.venv.mkdir()
    (project.venv / "thesis.txt").touch()
    assert "is no virtual environment" in environment.main()
    with pytest.raises(RuntimeError, match="is no virtual environment"):
        environment.make(project.venv, sys.executable, environment.PINS)
    assert project.ran == []
    assert (mine / "thesis.txt").exists()
    assert (project.venv / "thesis.txt").exists()


@pytest.mark.parametrize("name", environment.ELSEWHERE)
def test_no_setting_leads_pip_out_of_the_environment(name, monkeypatch):
    monkeypatch.setenv(name, "elsewhere")
    seen = f"import os; assert os.environ.get({name!r}) in (None, '0'), os.environ[{name!r}]"
    environment.run(sys.executable, "-c", seen)


def test_a_step_that_fails_is_named():
    with pytest.raises(RuntimeError, match=r"This step failed: .* -c raise SystemExit\(3\)"):
        environment.run(sys.executable, "-c", "raise SystemExit(3)")


# The pins.


def test_the_pins_hold_nothing_of_cuda_and_all_that_the_first_run_needs():
    pins = environment.pinned()
    assert {"torch", "numpy", "uv", "setuptools", "jupyter-book"} <= {*pins}
    assert [name for name in pins if name.startswith(("nvidia", "cuda", "triton"))] == []


def test_torch_has_one_version_everywhere():
    """It stands in requirements.txt; bench/requirements.txt repeats it, and nothing else names one."""
    pins, bench = environment.pinned(), environment.pinned(ROOT / "bench" / "requirements.txt")
    both = {*pins} & {*bench}
    assert {"torch", "numpy", "scipy", "mpmath"} <= both
    assert {name: bench[name] for name in both} == {name: pins[name] for name in both}
    for folder in ("tools", "bench", "chapters", ".binder", ".github"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix in {"", ".py", ".md", ".yml"}:
                assert not re.search(r"torch==\d", path.read_text(encoding="utf-8")), path


def test_the_help_of_the_pins_installs_nothing(capsys, monkeypatch):
    monkeypatch.setattr(pins, "run", lambda *_: pytest.fail("something ran"))
    with pytest.raises(SystemExit) as ended:
        pins.main(["--help"])
    assert ended.value.code == 0
    assert "NAME" in capsys.readouterr().out


@pytest.mark.parametrize(("names", "option"), [
    ([], None), (["ruff"], "--upgrade-package=ruff"), (["all"], "--upgrade"),
])  # fmt: skip
def test_the_pins_keep_what_they_have_but_what_is_named(names, option, monkeypatch, tmp_path):
    file, ran = tmp_path / "requirements.txt", []

    def run(*command):
        ran.extend(command)
        file.write_text("nvidia-nccl==1\nruff==2\ntriton==3\n", encoding="utf-8")

    monkeypatch.setattr(pins, "run", run)
    monkeypatch.setattr(pins, "PINS", file)
    assert pins.main(names) == 0
    assert [word for word in ran if word.startswith("--upgrade")] == ([option] if option else [])
    assert f"--output-file={file}" in ran, "uv keeps the versions that stand in the file that it writes"
    assert file.read_text(encoding="utf-8") == "ruff==2\n"


def test_make_alone_lists_the_targets():
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    targets = [line.split(":")[0] for line in lines if " ## " in line]
    assert all(f"make {target}" in listed for target in targets)
    assert len(targets) == len(re.findall(r"(?m)^[a-z-]+:", (ROOT / "Makefile").read_text(encoding="utf-8")))
