"""What each chapter was last run with: the records of the build, their ceilings, and where the pages show them."""

import json
import os
import re

import pytest
from bs4 import BeautifulSoup

from tools.execute.cache import BYTES, SECONDS, is_stale, key, over, record, record_path
from tools.layout import HTML, ROOT, executable_chapters
from tools.pages import verified

GOOD = {
    "date": "2026-01-02",
    "versions": {"lossbook": "0.1.0", "torch": "2.13.0", "numpy": "2.4.0", "Python": "3.11.2"},
    "seconds": 12.3,
    "bytes": 600_000_000,
}
CHAPTERS = executable_chapters()
IDS = [chapter.stem for chapter in CHAPTERS]
STATUS = ROOT / f"{verified.STATUS}.md"


@pytest.fixture
def kept(request):
    found = record(request.getfixturevalue("chapter"))
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("not executed yet: run make book")
    return found


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_a_chapter_keeps_to_its_time_and_memory(chapter, kept):
    if (beyond := over(kept)) and "LOSSBOOK_BUDGETS" not in os.environ:
        pytest.skip(f"{', '.join(beyond)}: on a quiet machine this would fail, as it does for a release")
    assert beyond == [], chapter
    assert kept["seconds"] > 0.5, "Python alone takes that long"
    assert kept["bytes"] > 50e6, "numpy alone takes that much"
    assert list(kept["versions"]) == ["lossbook", "torch", "numpy", "Python"]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_the_page_shows_the_record(chapter, kept):
    page = HTML / chapter.relative_to(ROOT).with_suffix(".html")
    if not page.exists():
        pytest.skip("no book: run make book")
    (line,) = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").select("p.stamp")
    for word in (*verified.versions(kept).split(", "), kept["date"], f"{kept['seconds']:.0f} s", "MB"):
        assert word in line.text
    assert ("GPU cells" in line.text) == bool(verified.gpu_cells(chapter))
    assert line.a["href"].endswith("status.html")


def test_the_status_page_lists_every_chapter_with_its_record():
    page = HTML / f"{verified.STATUS}.html"
    if not page.exists():
        pytest.skip("no book: run make book")
    rows = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").select("table tbody tr")
    assert len(rows) == len(CHAPTERS)
    for row, chapter in zip(rows, CHAPTERS, strict=True):
        assert row.a["href"].endswith(f"{chapter.stem}.html")
        if kept := record(chapter):
            shown = [cell.get_text(strip=True) for cell in row.find_all("td")]
            assert {f"{kept['seconds']:.1f}", kept["date"], *kept["versions"].values()} <= set(shown)


def test_the_status_page_names_the_ceilings():
    text = STATUS.read_text(encoding="utf-8")
    seconds, gigabytes = re.search(r"at most (\d+) seconds and ([\d.]+) GB", text).groups()
    assert float(seconds) == SECONDS
    assert float(gigabytes) * 1e9 == BYTES


@pytest.mark.parametrize(
    ("change", "words"),
    [({}, []), ({"seconds": 31}, ["31 s of processor time"]), ({"bytes": 1_600_000_000}, ["1,600,000,000 bytes"])],
)
def test_what_goes_over_a_ceiling_is_named(change, words):
    found = over(GOOD | change)
    assert len(found) == len(words)
    assert all(word in line for word, line in zip(words, found, strict=True))


def test_a_chapter_without_a_record_or_with_another_key_is_executed_again(tmp_path, monkeypatch):
    path = tmp_path / "record.json"
    monkeypatch.setattr("tools.execute.cache.record_path", lambda *_: path)
    assert is_stale(CHAPTERS[0], None)
    for wanted, stale in ((key(CHAPTERS[0]), False), ("another", True)):
        path.write_text(json.dumps(GOOD | {"key": wanted}), encoding="utf-8")
        assert is_stale(CHAPTERS[0], None) == stale


def test_a_page_without_a_record_has_no_line(monkeypatch):
    monkeypatch.setattr("tools.pages.verified.record", lambda _: None)
    assert verified.stamp(CHAPTERS[0], "status.html") == ""


def test_a_record_lies_in_a_folder_that_git_ignores():
    path = record_path(CHAPTERS[0])
    assert path is None or path.is_relative_to(ROOT / "_build")
    assert "_build/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
