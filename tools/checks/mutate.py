"""Mutation testing: break the package in every small way there is, and see that a test notices.

    PYTHONPATH=tests python -m tools.checks.mutate [module ...] [--jobs 2] [--every 1]

One change at a time is made to the source of a module, in memory: an operator swapped, a number raised by one, a
condition turned round, a call left out. The tests that call the changed function run against it in a process of
their own, the quickest first, until one fails. What no test notices is a survivor: either a test is missing, or the
change changes nothing, and then tests/mutation-survivors.md says why. The command fails if a survivor is not
explained there, or if fewer than 95 % of the changes are noticed. Each process is a fork of one that has imported
torch already, and so this needs Linux or macOS; one to two seconds per change.
"""

import argparse
import ast
import contextlib
import copy
import functools
import gc
import importlib.abc
import importlib.util
import os
import pickle
import re
import resource
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.checks.versions import unit_tests
from tools.layout import NO_LOSSES, ROOT

EXPLAINED = ROOT / "tests" / "mutation-survivors.md"
PACKAGE = ROOT / "lossbook"
# The rest of the package is data, figures and experiments, whose tests say less of single lines.
LEFT_OUT = {*NO_LOSSES, "__init__", "package"}
TESTS = [test for test in unit_tests() if Path(test).stem.removeprefix("test_") not in LEFT_OUT]
LIMIT = 120  # seconds of processor time for the tests of one change; one that makes them hang is noticed
SWAPS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}


@functools.cache
def name_of(file):
    """The name of a module below lossbook, such as _fast.elementwise."""
    return ".".join(Path(file).relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def file_of(module):
    path = PACKAGE / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def modules():
    """The names of all modules with losses, or with what losses are made of."""
    return sorted({name for name in map(name_of, PACKAGE.rglob("*.py")) if name.split(".")[0] not in LEFT_OUT})


def changes(node):
    """Yield every small change of one node, as a function that makes it in a copy of the node."""
    if isinstance(node, (ast.BinOp, ast.BoolOp)) and type(node.op) in SWAPS:
        yield lambda n: setattr(n, "op", SWAPS[type(n.op)]())
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            if type(op) in SWAPS:
                yield lambda n, i=i: n.ops.__setitem__(i, SWAPS[type(n.ops[i])]())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not, ast.Invert)):
        yield lambda n: become(n, n.operand)
    if isinstance(node, (ast.If, ast.IfExp, ast.While)):
        yield lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield lambda n: setattr(n, "value", not n.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        yield lambda n: setattr(n, "value", n.value + 1)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield lambda n: setattr(n, "value", n.value + "X")
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield lambda n: setattr(n, "value", ast.Constant(None))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args and not node.keywords:
        yield lambda n: become(n, n.func.value)


def become(node, other):
    """Turn a node into another one in place."""
    node.__class__, fields = other.__class__, dict(vars(other))
    vars(node).clear()
    vars(node).update(fields)


def code_nodes(tree):
    """Yield the nodes whose change could change what runs: no docstrings, annotations or names of the module."""
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            skipped |= set(map(id, ast.walk(node.body[0])))
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            skipped |= set(map(id, ast.walk(part))) if part else set()
        if isinstance(node, ast.Module):
            aliases = [n for n in node.body if isinstance(n, ast.Assign)]
            skipped |= {id(inner) for alias in aliases for inner in ast.walk(alias)}
    yield from (node for node in ast.walk(tree) if id(node) not in skipped)


def mutants(module):
    """Return [(function, description, source)] of every change to a module."""
    text = file_of(module).read_text(encoding="utf-8")
    tree, found = ast.parse(text), []
    for number, node in enumerate(code_nodes(tree)):
        for which, _ in enumerate(list(changes(node))):
            changed = copy.deepcopy(tree)
            target = list(code_nodes(changed))[number]
            line, before = getattr(target, "lineno", 0), ast.unparse(target)
            list(changes(target))[which](target)
            after = ast.unparse(target)
            place = next((f.name for f in ast.walk(tree) if isinstance(f, ast.FunctionDef)
                          and f.lineno <= line <= f.end_lineno), "module")
            short = [re.sub(r"\s+", " ", code)[:150] for code in (before, after)]
            context = re.sub(r"\s+", " ", text.splitlines()[line - 1].strip()) if line else ""
            found.append((place, f"{module}.{place}: `{short[0]}` -> `{short[1]}` in `{context}`",
                          ast.unparse(ast.fix_missing_locations(changed))))
    return found


class Choose:
    """Runs only the tests that call the changed function, the quickest first."""

    def __init__(self, seen, module, place):
        callers = {test: seconds for test, (seconds, called) in seen.items() if (module, place) in called}
        self.seconds = callers or {test: seconds for test, (seconds, _) in seen.items()}  # no caller: used on import

    def pytest_collection_modifyitems(self, items):
        items[:] = sorted((i for i in items if i.nodeid in self.seconds), key=lambda i: self.seconds[i.nodeid])


class Watch:
    """Notes how long each test takes, and which functions of the package it calls."""

    def __init__(self, functions):
        self.seen, self.package, self.functions = {}, str(PACKAGE), functions

    def pytest_runtest_call(self):
        self.called, self.started = set(), time.monotonic()
        sys.setprofile(self.note if self.functions else None)

    def note(self, frame, event, _):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(self.package):
            self.called.add((name_of(code.co_filename), code.co_name))

    def pytest_runtest_teardown(self, item):
        sys.setprofile(None)
        self.seen[item.nodeid] = time.monotonic() - self.started, self.called


class Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports one module from a changed source."""

    def __init__(self, name, source):
        self.name, self.source = name, source

    def find_spec(self, name, path=None, target=None):  # noqa: ARG002
        if name != self.name:
            return None
        spec = importlib.util.spec_from_loader(name, self)
        if self.is_package(name):
            spec.submodule_search_locations.append(str(PACKAGE / name.removeprefix("lossbook.")))
        return spec

    def get_source(self, name):  # noqa: ARG002
        return self.source

    def is_package(self, name):
        return file_of(name.removeprefix("lossbook.")).name == "__init__.py"


def run_tests(plugin, changed=None, report=None):
    """Run tests in a child process, against a changed module if there is one; return whether they passed."""
    child = os.fork()
    if child == 0:
        code = 1
        null = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (closed by the next line)
        with null, contextlib.redirect_stdout(null), contextlib.redirect_stderr(null):
            try:
                os.dup2(null.fileno(), 1), os.dup2(null.fileno(), 2)
                if changed:
                    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
                    sys.meta_path.insert(0, Changed(*changed))
                import pytest

                files = sorted({test.partition("::")[0] for test in getattr(plugin, "seconds", {})}) or TESTS
                options = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:nbval"]
                code = int(pytest.main([*options, *files], plugins=[plugin]))
                if report:
                    import references

                    Path(report).write_bytes(pickle.dumps((references.KNOWN, plugin.seen)))
            finally:
                os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def prepare():
    """Import what every child needs, work out once what the losses must be, and return what Watch has seen."""
    os.chdir(ROOT)
    sys.dont_write_bytecode = True
    import hypothesis  # noqa: F401
    import mpmath  # noqa: F401
    import pytest  # noqa: F401
    import references
    import scipy.stats  # noqa: F401
    import torch
    import torch.testing  # noqa: F401

    torch.set_num_threads(1)
    gc.freeze()  # so that no child looks through what its parent has imported
    for watch in (Watch(False), Watch(True)):  # first what the losses must be: under a profile it takes minutes
        with tempfile.NamedTemporaryFile() as file:
            if not run_tests(watch, report=file.name):
                raise SystemExit("the tests fail without any change")
            known, seen = pickle.loads(Path(file.name).read_bytes())
        references.KNOWN.update(known)
    return {test: what for test, what in seen.items() if "one_graph" not in test}  # compiling takes seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", default=modules(), metavar="module")
    parser.add_argument("--every", type=int, default=1, help="take only every n-th change, for a quick look")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    seen = prepare()
    explained = EXPLAINED.read_text(encoding="utf-8") if EXPLAINED.exists() else ""
    noticed, total, unexplained, started = 0, 0, [], time.monotonic()
    for module in arguments.modules:
        made = mutants(module)[:: arguments.every]
        with ThreadPoolExecutor(arguments.jobs) as pool:
            results = pool.map(lambda mutant, module=module: run_tests(
                Choose(seen, module, mutant[0]), (f"lossbook.{module}", mutant[2])), made)
            for (_, description, _), passed in zip(made, results, strict=True):
                total, noticed = total + 1, noticed + (not passed)
                if passed and f"- {description}\n" not in explained:
                    unexplained.append(description)
                if passed:
                    print(f"- {description}", flush=True)
                if total % 25 == 0:
                    print(f"{total} changes, {noticed} noticed, {time.monotonic() - started:.0f} s", file=sys.stderr)
        print(f"{module}: {len(made)} changes; so far {noticed} of {total} noticed", flush=True)
    share = noticed / total
    print(f"{noticed} of {total} changes noticed ({share:.1%}); {len(unexplained)} survivors not explained")
    raise SystemExit(share < 0.95 or bool(unexplained))


if __name__ == "__main__":
    main()
