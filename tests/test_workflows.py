"""The workflows: no known weakness, the least permissions, every action pinned by its hash, every command real."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tools.layout import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ZIZMOR = str(Path(sys.executable).with_name("zizmor"))
every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
# What a job may write, and why; everything else may read at most.
MAY_WRITE = {
    ("pages", "deploy"): {"pages": "write", "id-token": "write"},
    ("weekly", "report"): {"issues": "write"},
}


def zizmor(folder: Path) -> subprocess.CompletedProcess:
    command = [ZIZMOR, "--offline", "--pedantic", "--strict-collection", "--no-progress", "--quiet", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def parsed(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps(workflow: dict):
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


def test_zizmor_finds_nothing():
    done = zizmor(ROOT / ".github")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("wrong", "finding"), [
    (("runs-on: ubuntu-24.04", "run-on: ubuntu-24.04"), "runs-on"),
    (("@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2", "@v6"), "unpinned-uses"),
    (("permissions: {}\n", ""), "excessive-permissions"),
    (('make PYTHON=python "$TARGET"', 'echo "${{ github.head_ref }}"'), "template-injection"),
])  # fmt: skip
def test_zizmor_names_a_weakness(wrong, finding, tmp_path):
    text = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    assert wrong[0] in text
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    (tmp_path / ".github" / "workflows" / "tests.yml").write_text(text.replace(*wrong), encoding="utf-8")
    done = zizmor(tmp_path)
    assert done.returncode != 0
    assert finding in done.stdout + done.stderr


@every_workflow
def test_nothing_may_be_written_but_what_a_job_is_for(path):
    workflow = parsed(path)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        writes = {scope: level for scope, level in job.get("permissions", {}).items() if level == "write"}
        assert writes == MAY_WRITE.get((path.stem, name), {})
        assert "timeout-minutes" in job or "uses" in job


@every_workflow
def test_no_checkout_leaves_its_credentials_behind(path):
    checkouts = [step for step in steps(parsed(path)) if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@every_workflow
def test_an_action_is_pinned_by_its_whole_hash_and_says_its_version(path):
    used = re.findall(r"uses: (\S+)(?: # (\S+))?", path.read_text(encoding="utf-8"))
    assert used
    for action, version in used:
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)
            assert re.fullmatch(r"v\d+\.\d+\.\d+", version)


def test_one_action_has_one_hash_everywhere():
    pairs = {tuple(step["uses"].split("@")) for path in WORKFLOWS for step in steps(parsed(path)) if "uses" in step}
    assert len(pairs) == len({action for action, _ in pairs})


@every_workflow
def test_the_commands_of_a_workflow_exist(path):
    targets = re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    commands = "\n".join(step["run"] for step in steps(parsed(path)) if "run" in step)
    for asked in re.findall(r"make PYTHON=python ([\w./ -]+)", commands):
        assert {*asked.split()} <= {*targets}
    for tool in re.findall(r"-m (tools\.[\w.]+)", commands):
        assert (ROOT / f"{tool.replace('.', '/')}.py").exists()
    assert "tools/" not in commands


def test_the_tests_run_on_each_python_and_at_colabs_and_the_lowest_versions():
    jobs = parsed(ROOT / ".github" / "workflows" / "tests.yml")["jobs"]
    assert jobs["all"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    targets = [row["target"] for row in jobs["versions"]["strategy"]["matrix"]["include"]]
    assert targets == ["test-colab", "test-lowest"]


def test_only_what_passed_every_check_and_belongs_here_is_published():
    jobs = parsed(ROOT / ".github" / "workflows" / "pages.yml")["jobs"]
    assert jobs["build"]["needs"] == "tests"
    assert jobs["deploy"]["needs"] == "build"
    commands = [step.get("run", step.get("uses", "")) for step in jobs["build"]["steps"]]
    checked, built, uploaded = (
        next(index for index, command in enumerate(commands) if part in command)
        for part in ("tools.setup.address --check", "python book epub pdf", "upload-pages-artifact")
    )
    assert checked < built < uploaded


def test_budgets_fail_for_a_release_and_only_there():
    for path in WORKFLOWS:
        assert ("LOSSBOOK_BUDGETS" in path.read_text(encoding="utf-8")) == (path.stem == "release")
    assert parsed(ROOT / ".github" / "workflows" / "release.yml")[True] == {"push": {"tags": ["v*"]}}  # YAML's "on"


def test_what_may_fail_is_the_newest_sphinx_alone():
    allowed = [(path.stem, name) for path in WORKFLOWS for name, job in parsed(path)["jobs"].items()
               if job.get("continue-on-error")]
    assert allowed == [("weekly", "sphinx")]


def test_the_weekly_run_reports_the_failure_of_each_of_its_jobs():
    jobs = parsed(ROOT / ".github" / "workflows" / "weekly.yml")["jobs"]
    assert {*jobs["report"]["needs"], "report"} == set(jobs)
    assert "failure()" in jobs["report"]["if"]
    for job in jobs["report"]["needs"]:
        assert f"needs.{job}.result" in jobs["report"]["env"]["BODY"]
