"""Where a result comes from: date, machine, versions, and the code of lossbook that was measured."""

import ast
import datetime
import hashlib
import json
import platform
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
MEASURED = ("_checks", "_stable", "classification", "imbalance", "regression")


def code(more: Sequence[str] = ()) -> str:
    """Return a hash of the code of the losses, and of more files; comments and docstrings do not count."""
    digest = hashlib.sha256()
    for path in (*(f"lossbook/{name}.py" for name in MEASURED), *more):
        tree = ast.parse((ROOT / path).read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:16]


def processor() -> str:
    """Return what the system calls its processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def write(name: str, versions: dict[str, str], rows: list[dict], **more: object) -> None:
    """Write rows to results/NAME.json, one per line, under a header that says where they come from."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    head = {"date": today, "code": code(), "processor": processor(), "versions": versions, **more}
    lines = [json.dumps({key: value}, ensure_ascii=False)[1:-1] + "," for key, value in head.items()]
    body = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text("{" + "\n".join(lines) + '\n"rows": [\n' + body + "\n]}\n")


def read(name: str) -> dict:
    """Return what ``write`` wrote."""
    return json.loads((RESULTS / f"{name}.json").read_text())
