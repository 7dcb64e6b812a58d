"""The build of the whole book: what lies beside a page is as new as the page."""

import pytest

from tools import build
from tools.notebooks import student, write


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A book whose stages only note that they ran, and whose chapters have the one notebook that `wanted` holds."""
    ran = []
    chapter = tmp_path / "chapters" / "a.ipynb"
    chapter_page = tmp_path / "html" / "chapters"
    chapter.parent.mkdir()
    state = {"sources": "one", "wanted": {chapter: "text"}, "ran": ran, "notebook": chapter, "html": tmp_path / "html"}
    for module in (build, write):
        monkeypatch.setattr(module, "HTML", tmp_path / "html")
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr("tools.execute.cache.ROOT", tmp_path)
    monkeypatch.setattr(build, "sources_key", lambda: state["sources"])
    monkeypatch.setattr(build, "TREES", tmp_path / "trees")
    monkeypatch.setattr(build, "run_jupyter_book", lambda: ran.append("pages") or chapter_page.mkdir(parents=True))
    monkeypatch.setattr(write, "generate", lambda: ran.append("notebooks") or state["wanted"])
    monkeypatch.setattr(build.slides, "write", lambda: ran.append("slides"))
    monkeypatch.setattr(build.moodle, "write", lambda: ran.append("bank"))
    monkeypatch.setattr(student, "write", lambda made: ran.append(f"student {[*made.values()]}"))
    return state


ALL = ["pages", "notebooks", "slides", "student ['text']", "bank"]


def both(book) -> list[str]:
    """The notebook beside the chapter, and the one beside the page."""
    return [path.read_text(encoding="utf-8") for path in (book["notebook"], book["html"] / "chapters" / "a.ipynb")]


def test_the_stages_follow_each_other_and_run_once(book):
    assert build.build(check=False) == 0
    assert book["ran"] == ALL
    assert both(book) == ["text"] * 2
    assert build.build(check=False) == 0
    assert book["ran"] == ALL, "nothing has changed, and nothing runs"


def test_after_an_edit_of_prose_page_and_notebooks_are_new(book):
    build.build(check=False)
    book.update(sources="two", wanted={book["notebook"]: "new text"})
    assert build.build(check=False) == 0
    assert book["ran"][-2] == "student ['new text']"
    assert both(book) == ["new text"] * 2


def test_a_notebook_that_was_put_back_to_an_older_one_is_mended(book):
    build.build(check=False)
    book["notebook"].write_text("older text", encoding="utf-8")
    assert build.build(check=False) == 0
    assert book["notebook"].read_text(encoding="utf-8") == "text"


def test_a_page_that_is_gone_takes_its_notebook_along(book):
    build.build(check=False)
    book.update(sources="two", wanted={})
    build.build(check=False)
    assert not book["notebook"].exists()
    assert not (book["html"] / "chapters" / "a.ipynb").exists()


def test_a_check_writes_no_notebook_beside_a_chapter_and_fails_until_it_is_in_step(book, capsys):
    for _ in range(2):
        assert build.build(check=True) == 1
        assert "chapters/a.ipynb is out of step with its chapter: run `make book`" in capsys.readouterr().out
        assert not book["notebook"].exists()
    build.build(check=False)
    assert build.build(check=True) == 0


def test_a_build_that_fails_begins_again(book, monkeypatch):
    def fail():
        raise RuntimeError("a leak")

    build.build(check=False)
    book["sources"] = "two"
    monkeypatch.setattr(build.moodle, "write", fail)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="a leak"):
            build.build(check=False)
    assert book["ran"].count("pages") == 3


def test_pages_are_read_anew_after_a_build_that_was_cut_short_and_only_then(book):
    build.build(check=False)
    trees = build.TREES / "page"
    for written, kept in ((True, True), (False, False)):
        trees.parent.mkdir(exist_ok=True)
        trees.touch()
        book["sources"] += "+"
        if not written:
            (book["html"] / ".key").unlink()
        build.build(check=False)
        assert trees.exists() == kept


def test_nothing_of_an_older_book_stays(book):
    build.build(check=False)
    (book["html"] / "chapters" / "gone.html").touch()
    book["sources"] = "two"
    build.build(check=False)
    assert not (book["html"] / "chapters" / "gone.html").exists()
