"""The cells for a GPU: run whole, recorded with device, versions and date, and shown on the page."""

import json

from tools.execute.gpu import main, record

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


def test_without_a_gpu_the_command_says_what_is_wanted(capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main() == 1
    assert "sees no GPU" in capsys.readouterr().out
