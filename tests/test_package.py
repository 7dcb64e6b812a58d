"""The mechanical rules of STYLE.md for the package, held over every public function; and its wheel."""

import ast
import copy
import email
import importlib.util
import inspect
import io
import pickle
import re
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import venv
import zipfile
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

import lossbook

ROOT = Path(lossbook.__file__).parent
SOURCES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
           for path in sorted(ROOT.rglob("*.py")) if path != ROOT / "__init__.py"}
MODULES = list(SOURCES)
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in SOURCES.items()}
LOSS_MODULES = [name for name in ("regression", "classification", "imbalance") if name in MODULES]
FAMILIES = [name for name in MODULES if name in {"segmentation", "geometry", "embedding", "ranking", "sequence",
                                                 "generative", "reinforcement", "scale"}]  # each has tests of its own
SPACES = {"logits", "probs", "log_probs", "pred"}
SECTIONS = ["Args", "Returns", "Yields", "Raises", "Example", "References"]
PUBLIC = [
    function
    for module in MODULES if not any(part.startswith("_") for part in module.split(".")) and module != "plots"
    for name, function in vars(importlib.import_module(f"lossbook.{module}")).items()
    if inspect.isfunction(function) and not name.startswith("_") and function.__module__ == f"lossbook.{module}"
]
NO_LOSS = {"class_weights", "rmse_loss"}  # the second is one number for a sample, and has tests of its own
LOSSES = [f for f in PUBLIC if f.__module__.split(".")[1] in LOSS_MODULES and f.__name__ not in NO_LOSS]


def over(functions):
    return pytest.mark.parametrize("function", functions, ids=lambda f: f"{f.__module__}.{f.__name__}")


every_function, every_loss = over(PUBLIC), over(LOSSES)
LATER = [f for f in PUBLIC if f.__module__.split(".")[1] in FAMILIES]


def parameters(function):
    return list(inspect.signature(function).parameters.values())


def sections(function):
    """Return (the text before any section, {section: its text}) of a docstring, in order."""
    parts = re.split(rf"^({'|'.join(SECTIONS)}):$", inspect.getdoc(function) or "", flags=re.MULTILINE)
    return parts[0], dict(zip(parts[1::2], parts[2::2], strict=True))


def body_lines(function):
    """Return how many lines the body of a function has, its docstring and signature not counted."""
    first, *_, last = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0].body
    return last.end_lineno - first.end_lineno


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_there_are_functions_to_check():
    assert len(PUBLIC) > 10
    assert len(LOSSES) > 1


@every_function
def test_options_are_keyword_only(function):
    positional = [p for p in parameters(function) if p.kind is not p.KEYWORD_ONLY]
    # A distribution that may be left out, and the size of a data set, are arguments and not options.
    arguments = {
        "perplexity": {"q"}, "dense_detections": {"n_images"}, "line_with_outliers": {"n"}, "widening_noise": {"n"},
        "two_class_images": {"counts"}, "multi_label_images": {"n"},
    }.get(function.__name__, {"n"} if function.__module__ == "lossbook.scenes" else set())
    assert {p.name for p in positional if p.default is not p.empty} <= arguments


@every_loss
def test_the_first_argument_names_its_space_and_the_last_option_is_reduction(function):
    first, second, *options = parameters(function)
    assert first.name in SPACES
    assert second.name == "target"
    assert first.kind is second.kind is first.POSITIONAL_OR_KEYWORD
    assert (options[-1].name, options[-1].default) == ("reduction", "mean")


@over([f for f in PUBLIC if f.__module__ == "lossbook.information"])
def test_a_distribution_is_called_p(function):
    assert parameters(function)[0].name == "p"


@every_function
def test_docstring_has_its_parts_in_order(function):
    head, found = sections(function)
    assert list(found) == [section for section in SECTIONS if section in found]
    needed = {"Yields" if function.__name__ == "seeded" else "Returns", "Example"}
    needed |= {"Args"} if parameters(function) else set()
    module = function.__module__.split(".")[1]
    if module in {"information", *LOSS_MODULES, *FAMILIES}:
        needed |= {"Raises", "References"}
        assert ":math:" in head or ".. math::" in head, "a formula"
    assert needed <= set(found)
    assert ">>> " in found["Example"]
    first = head.splitlines()[0]
    assert first.endswith(".")
    assert len(first) <= 106


@every_function
def test_docstring_names_the_arguments_of_the_signature_in_order(function):
    _, found = sections(function)
    documented = re.findall(r"^    (\w+): ", found.get("Args", ""), flags=re.MULTILINE)
    assert documented == [p.name for p in parameters(function)]


@every_loss
def test_docstring_binds_its_symbols_and_names_its_peers(function):
    head, found = sections(function)
    for parameter in parameters(function)[:2]:
        assert f"``{parameter.name}``" in head, f"the formula does not use {parameter.name}"
    assert "Peers: " in head
    assert "gradient" in head
    assert '"none"' in found["Returns"] or '"none"' in found["Args"]
    assert "Error: " in found["Raises"]


@over(LATER)
def test_a_loss_beyond_classification_says_as_much_and_ends_with_its_reduction(function):
    head, _ = sections(function)
    assert "Peers: " in head
    assert "gradient" in head
    if function.__name__ not in {"hardest_triplets", "td_error"}:  # what a loss is made of
        last = parameters(function)[-1]
        assert (last.name, last.default) == ("reduction", "mean")
    tensors = {p.name for p in parameters(function) if p.kind is not p.KEYWORD_ONLY}
    unbound = {name for name in tensors if f"``{name}``" not in head}
    assert unbound <= {"input_lengths", "target_lengths"}  # lengths stand in no formula


def test_there_are_losses_beyond_classification():
    assert len(LATER) > 45


@every_loss
def test_every_loss_has_a_row_in_the_table_of_tests(function):
    from test_losses import CASES

    assert function in {case.loss for case in CASES}


@over(LOSSES + LATER)
def test_every_loss_is_at_the_top(function):
    assert getattr(lossbook, function.__name__) is function
    assert function.__name__ in lossbook.__all__


def test_the_top_is_a_table_of_contents():
    assert lossbook.__all__ == sorted(lossbook.__all__)
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    kinds = {type(node) for node in tree.body[1:]}
    assert kinds <= {ast.Import, ast.ImportFrom, ast.Assign}


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module):
    allowed = {
        "plots": {"matplotlib", "altair"},
        "data": {"sklearn", "pooch"},
        "metrics": {"sklearn", "scipy"},
        "_transport": {"scipy"},
        "scenes": {"sklearn"},
    }.get(module, set())
    outside = {name.split(".")[0] for name in imports(TREES[module])}
    assert outside & {"matplotlib", "altair", "sklearn", "pooch", "scipy", "pandas"} <= allowed
    inside = {name for name in imports(TREES[module]) if name.startswith("lossbook")}
    shared = {"lossbook", "lossbook._checks", "lossbook._fast", "lossbook._stable", "lossbook.classification"}
    if module == "exercises" or module.startswith("exercises."):  # judges compare with the losses themselves
        inside = {name for name in inside if not name.startswith("lossbook.exercises")}
        shared |= {f"lossbook.{name}" for name in MODULES if "." not in name}
    assert inside <= shared | {
            "plots": {"lossbook.metrics"},  # a band is an interval
            "data": {"lossbook.scenes"},  # the data sets of Part V are found there, too
        }.get(module, set())


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"plots", "data", "stored"}))
def test_nothing_prints_reads_or_draws(module):
    calls = {ast.unparse(node.func) for node in ast.walk(TREES[module]) if isinstance(node, ast.Call)}
    assert not calls & {"print", "open", "input", "Path", "exec", "eval"}


@every_function
def test_no_function_is_long(function):
    assert body_lines(function) <= 30


def test_every_change_that_is_said_to_be_unnoticeable_can_still_be_made():
    explained = (ROOT.parent / "tests" / "mutation-survivors.md").read_text(encoding="utf-8")
    lines = {name: {" ".join(line.split()) for line in path.read_text(encoding="utf-8").splitlines()}
             for name, path in SOURCES.items()}
    changes = re.findall(r"(?m)^- ([\w.]+)\.\w+: `.+` -> `.+` in `(.+)`$", explained)
    assert len(changes) == len(re.findall("(?m)^- ", explained)) > 50
    assert [(module, line) for module, line in changes if line not in lines[module]] == []


def test_every_module_says_what_it_is_for():
    assert [name for name, tree in TREES.items() if not ast.get_docstring(tree)] == []


def code_lines(tree, text):
    """Return how many lines hold code: no docstring, no comment, no blank."""
    documented = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            documented |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = enumerate(text.splitlines(), start=1)
    return sum(1 for number, line in lines if number not in documented and line.strip()[:1] not in {"", "#"})


@pytest.mark.parametrize("module", MODULES)
def test_every_module_is_read_in_one_sitting(module):
    assert code_lines(TREES[module], SOURCES[module].read_text(encoding="utf-8")) <= 250


def test_code_is_told_from_docstrings():
    text = '"""Doc."""\n\n# comment\ndef f():\n    """Two\n    lines."""\n    return 1\n'
    assert code_lines(ast.parse(text), text) == 2


# A module over any loss.

WEIGHT = torch.tensor([0.5, 2.0, 1.25])
LOGITS, CLASSES = torch.tensor([[0.3, -1.2, 0.7], [2.0, 0.1, -0.4]]), torch.tensor([2, 1])


def test_the_module_computes_what_the_function_computes_and_shows_its_options():
    loss = lossbook.Loss(lossbook.cross_entropy, weight=WEIGHT, label_smoothing=0.2)
    assert_close(loss(LOGITS, CLASSES), lossbook.cross_entropy(LOGITS, CLASSES, weight=WEIGHT, label_smoothing=0.2))
    assert str(loss) == "Loss(cross_entropy, weight=tensor([0.5000, 2.0000, 1.2500]), label_smoothing=0.2)"
    assert str(lossbook.Loss(lossbook.mse_loss)) == "Loss(mse_loss)"


def test_the_module_moves_its_tensors_and_keeps_them_out_of_its_state():
    loss = lossbook.Loss(lossbook.cross_entropy, weight=WEIGHT, ignore_index=1)
    assert (loss.weight.device.type, copy.deepcopy(loss).to("meta").weight.device.type) == ("cpu", "meta")
    assert loss.double().weight.dtype == torch.float64
    assert loss.state_dict() == {}
    assert list(loss.parameters()) == []


def test_the_module_learns_an_option_that_is_a_parameter():
    loss = lossbook.Loss(lambda z, *, scale: (scale * z).sum(), scale=torch.nn.Parameter(torch.tensor(2.0)))
    loss(LOGITS).backward()
    assert_close(loss.scale.grad, LOGITS.sum())
    assert list(loss.state_dict()) == ["scale"]


@pytest.mark.parametrize("again", [
    copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss)),
    lambda loss: (file := io.BytesIO(), torch.save(loss, file), file.seek(0), torch.load(file, weights_only=False))[-1],
], ids=["copied", "pickled", "saved"])
def test_the_module_is_the_same_when_it_comes_back(again):
    loss = lossbook.Loss(lossbook.logit_adjusted_loss, counts=[90, 9, 1], tau=1.5)
    assert str(again(loss)) == str(loss)
    assert_close(again(loss)(LOGITS, CLASSES), loss(LOGITS, CLASSES), rtol=0, atol=0)


def test_the_module_refuses_an_option_that_the_loss_has_not():
    with pytest.raises(TypeError, match="unexpected keyword argument 'gama'"):
        lossbook.Loss(lossbook.focal_loss, gama=1.0)


# The wheel.

EXTRA = ["sklearn", "matplotlib", "scipy", "altair", "pooch", "pandas"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this working tree, built without a network."""
    if not (importlib.util.find_spec("pip") and importlib.util.find_spec("setuptools")):
        pytest.skip("a wheel is built with pip and setuptools, and this environment lacks one of them")
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT.parent / name, folder / name)
    shutil.copytree(ROOT, folder / "lossbook", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "-w", str(folder / "dist"), str(folder)], check=True)
    (found,) = (folder / "dist").glob("*.whl")
    return found


def test_the_wheel_holds_the_whole_package_and_nothing_else(wheel):
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    here = [path for path in ROOT.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sorted(names) == sorted(path.relative_to(ROOT.parent).as_posix() for path in here)
    assert "lossbook/py.typed" in names


def test_the_wheel_asks_for_numpy_and_torch_alone_and_describes_itself_by_the_readme(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = email.message_from_bytes(archive.read(name))
    needed = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert [re.match(r"[\w-]+", line)[0] for line in needed] == ["numpy", "torch"]
    readme = (ROOT.parent / "README.md").read_text(encoding="utf-8")
    assert metadata.get_payload(decode=True).decode().strip() == readme.strip()
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_in_an_environment_without_the_extras_the_wheel_runs_the_readmes_example(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path / "env")}))
    zipfile.ZipFile(wheel).extractall(site)
    (site / "torch-and-numpy.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", (ROOT.parent / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert examples
    lines = [
        "import sys", f"sys.modules.update(dict.fromkeys({EXTRA}))",  # None: not there
        *examples,
        "import lossbook, torch", f"assert lossbook.__file__.startswith({str(site)!r})",
        "loss = lossbook.Loss(lossbook.focal_loss, gamma=1.0)",
        "assert loss(torch.zeros(2), torch.tensor([0, 1])) > 0",
        "from lossbook import information, training",
    ]
    python = tmp_path / "env" / "bin" / "python"
    done = subprocess.run([python, "-I", "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
