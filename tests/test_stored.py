"""The stored experiments are found in a copy of the book, and fetched elsewhere."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from lossbook import stored
from tools.layout import ROOT


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A package that lies in no copy of the book; what it was installed from is the function's argument."""
    monkeypatch.setattr(stored, "__file__", str(tmp_path / "site-packages" / "lossbook" / "stored.py"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    return lambda origin: monkeypatch.setattr(
        stored, "distribution", lambda _name: SimpleNamespace(read_text=lambda _file: origin))


def test_in_a_copy_of_the_book_the_folder_is_there(monkeypatch):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(ROOT / "bench")])
    assert stored.find_bench() == ROOT / "bench"
    assert stored.find_bench() == ROOT / "bench"
    assert sys.path.count(str(ROOT / "bench")) == 1


def test_elsewhere_the_book_is_cloned_once(elsewhere, tmp_path):
    book = tmp_path / "origin"
    (book / "bench").mkdir(parents=True)
    (book / "bench" / "experiment.py").write_text("HERE = True\n", encoding="utf-8")
    git = ["git", "-C", str(book), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "All"]):
        subprocess.run([*git, *command], check=True)
    elsewhere(json.dumps({"url": book.as_uri(), "vcs_info": {"vcs": "git"}}))
    assert stored.find_bench() == tmp_path / "book" / "bench"
    assert (tmp_path / "book" / "bench" / "experiment.py").exists()
    book.rename(tmp_path / "gone")
    assert stored.find_bench() == tmp_path / "book" / "bench"


@pytest.mark.parametrize("origin", [None, json.dumps({"url": "file:///x.whl", "archive_info": {}})])
def test_without_a_repository_the_error_says_what_to_do(elsewhere, origin):
    elsewhere(origin)
    with pytest.raises(RuntimeError, match="clone the book"):
        stored.find_bench()
