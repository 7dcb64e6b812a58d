"""What all tests share: one thread, so that runs in parallel do not fight over the cores, and a report on the pages."""

import re

import hypothesis
import pytest
import torch

torch.set_num_threads(1)
hypothesis.settings.register_profile("lossbook", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("lossbook")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give one worker all tests of a page, so that it is visited once; any other file is run by one worker.

    The groups of pytest-xdist 3.8 (--dist loadgroup) are silently ignored by pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByPage(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            page = re.search(r"test_pages\.py::.*?(chapters/[\w/-]+\.html)", nodeid)
            return page[1] if page else nodeid.split("::", 1)[0]

    return ByPage(config, log)


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
