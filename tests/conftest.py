"""What all tests share: one thread, so that runs in parallel do not fight over the cores, and a report on the pages."""

import hypothesis
import pytest
import torch

torch.set_num_threads(1)
hypothesis.settings.register_profile("lossbook", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("lossbook")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    """Give one worker all tests of a page, so that it is visited once; any other file is run by one worker."""
    for item in items:
        page = getattr(item, "callspec", None) and item.callspec.params.get("page")
        item.add_marker(pytest.mark.xdist_group(str(page or item.path)))


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
