"""The cells for a GPU: run whole, recorded with device, versions and date, and shown on the page."""

import json
import re
import statistics
from pathlib import Path
from types import SimpleNamespace

from tools.execute.gpu import main, record
from tools.layout import ROOT
from tools.pages.verified import Recorded

CHAPTER = """---
kernelspec: {display_name: Python 3, name: python3}
---
# A page

```{code-cell} ipython3
x = 20
```

```{code-cell} ipython3
:tags: [gpu, skip-execution, nbval-skip]
print(x + 1)
```
"""


def test_a_record_holds_what_the_gpu_cells_print(tmp_path):
    chapter = tmp_path / "page.md"
    chapter.write_text(CHAPTER, encoding="utf-8")
    result = json.loads(record(chapter, "a device").read_text(encoding="utf-8"))
    assert result["cells"] == ["21"]
    assert result["device"] == "a device"
    assert set(result) == {"device", "versions", "date", "cells"}


def shown(page: Path) -> list[str]:
    """What a page shows of its first recorded cell."""
    env = SimpleNamespace(docname="page", doc2path=lambda _name: str(page), note_dependency=lambda _path: None)
    document = SimpleNamespace(settings=SimpleNamespace(env=env))
    state, machine = SimpleNamespace(document=document), SimpleNamespace(reporter=None)
    directive = Recorded("recorded", ["1"], {}, [], 1, 0, "", state, machine)
    return [node.astext() for node in directive.run()]


def test_a_page_shows_a_record_and_nothing_until_there_is_one(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(CHAPTER, encoding="utf-8")
    assert shown(page) == []
    record(page, "a device")
    (text,) = shown(page)
    assert "on a device" in text
    assert text.endswith("21")


def test_without_a_gpu_the_command_says_what_is_wanted(capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main() == 1
    assert "sees no GPU" in capsys.readouterr().out


def numbers(record: Path) -> list[list[float]]:
    """What each line of a record says after its last colon or name, as numbers."""
    (text,) = json.loads(record.read_text(encoding="utf-8"))["cells"]
    return [[float(number) for number in re.findall(r"0\.\d+", line.rpartition(":")[2])] for line in text.splitlines()]


def test_the_chapters_say_what_the_records_show():
    ce, two, five = map(statistics.mean, numbers(ROOT / "chapters" / "imbalance" / "focal.gpu.json"))
    assert 0.02 < five - ce < 0.1
    assert abs(two - ce) < 0.01
    rows = [statistics.mean(found) for found in numbers(ROOT / "chapters" / "imbalance" / "asymmetric.gpu.json")]
    for start in (rows[:3], rows[3:]):
        assert min(start) == start[2] < min(start[:2]) - 0.01
    assert max(abs(one - other) for one, other in zip(rows[:3], rows[3:], strict=True)) < 0.03
