"""What all tests share: one thread, so that runs in parallel do not fight over the cores; the built book in a browser;
and a report on its pages."""

import functools
import os
import re

import hypothesis
import pytest
import torch

from tools.browser import chromium, missing, served
from tools.build import sources_key
from tools.layout import HTML

torch.set_num_threads(1)
hypothesis.settings.register_profile("lossbook", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("lossbook")
LAYOUT_SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give one worker all tests of a page or of a deck of slides; any other file is run by one worker.

    The groups of pytest-xdist 3.8 (--dist loadgroup) are silently ignored by pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByPage(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            page = re.search(r"\[.*?(chapters/[\w/-]+\.html)|test_slides\.py::.*(\[[\w-]+\])$", nodeid)
            return (page[1] or page[2]) if page else nodeid.split("::", 1)[0]

    return ByPage(config, log)


def need(reason: str | None) -> None:
    """Skip a test that lacks something; where everything has to be there, fail."""
    if reason:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@pytest.fixture(scope="session")
def built_book():
    """The folder of the built book, of the present sources."""
    key = HTML / ".key"
    need(None if key.exists() else "no book is built: run make book")
    need(None if key.read_text(encoding="utf-8").startswith(sources_key()) else "the book is older than its sources: "
         "run make book")
    return HTML


@pytest.fixture(scope="session")
def site(built_book):  # noqa: ARG001
    """The address of the built book, served from this machine."""
    need(missing())
    with served() as address:
        yield address


def pytest_collection_modifyitems(items):
    """Mark the tests of the built book: make pages runs them, and make unit all others."""
    for item in items:
        if "built_book" in getattr(item, "fixturenames", ()):
            item.add_marker("book")


@pytest.fixture(scope="session")
def browser(site):  # noqa: ARG001 (without a book no browser is started)
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def tab(browser, site):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.rstrip("/"))
    context.add_init_script(LAYOUT_SHIFTS)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def visits(tab, site):
    """What was seen on a page: each is visited once by the worker that has its tests, also where the visit fails."""
    from visit import look_at

    @functools.cache
    def visit(page):
        try:
            return look_at(tab, site + page), None
        except Exception as problem:
            return None, problem

    def seen(page):
        found, problem = visit(page)
        if problem is not None:
            raise problem
        return found

    return seen


def pytest_terminal_summary(terminalreporter):
    """Say what each page weighs, what it asks of other hosts, and what axe-core finds on it."""
    reports = [report for status in ("passed", "failed") for report in terminalreporter.stats.get(status, [])]
    rows = [value for report in reports for name, value in getattr(report, "user_properties", []) if name == "page"]
    if rows:
        terminalreporter.section("pages")
        form = "{:50} {:>8} {:>14} {:>6} {:>12} {:>10} {:>9}"
        heads = ("page", "HTML kB", "first load kB", "shift", "other hosts", "axe light", "axe dark")
        terminalreporter.write_line(form.format(*heads))
        for row in sorted(set(map(tuple, rows))):
            terminalreporter.write_line(form.format(*row))
