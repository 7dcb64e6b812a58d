"""Plugin of pytest: what failed stands last, a line each as FILE:LINE, and the tracebacks go to a file.

    python -m pytest -p tools.checks.failures --tb=no --tracebacks FILE
"""

import shlex
from pathlib import Path

from tools.layout import ROOT


def pytest_addoption(parser):
    parser.addoption("--tracebacks", type=Path, help="write the tracebacks to this file")


def place(report) -> str:
    """FILE:LINE where a test failed: where it was raised, or where the test or the cell stands."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        path = Path(crash.path)
        return f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}:{crash.lineno}"
    file, line, _ = report.location
    return f"{file}:{(line or 0) + 1}"


def reason(report) -> str:
    """The first line that says what is wrong."""
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = (crash.message if crash else report.longreprtext).strip().splitlines()
    return lines[0][:200] if lines else ""


def pytest_terminal_summary(terminalreporter, config):
    """Write the tracebacks away, and name every failure, its place and how to run it alone."""
    file = config.getoption("--tracebacks")
    failed = [*terminalreporter.stats.get("failed", []), *terminalreporter.stats.get("error", [])]
    if file is None or not failed:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n\n".join(f"{each.nodeid}\n{each.longreprtext}" for each in failed), encoding="utf-8")
    more = " --nbval" if any(".ipynb" in each.nodeid for each in failed) else ""
    terminalreporter.section(f"{len(failed)} failed; tracebacks: {file}")
    for each in failed[:20]:
        alone = shlex.quote(each.nodeid.split("::Cell")[0])
        terminalreporter.write_line(f"{place(each)}: {reason(each)}")
        terminalreporter.write_line(f"    alone: .venv/bin/python -m pytest{more} {alone}")
    if len(failed) > 20:
        terminalreporter.write_line(f"and {len(failed) - 20} more")
