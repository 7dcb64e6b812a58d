"""The stored experiments: fair, complete, of the present code, and a slice of each comes out again."""

import math
import re
import sys
from pathlib import Path

import pytest

import lossbook

sys.path.insert(0, str(Path(lossbook.__file__).parents[1] / "bench"))
import experiment
import stamp

each = pytest.mark.parametrize("name", experiment.NAMES)


@each
def test_the_stored_result_belongs_to_the_present_code(name):
    assert stamp.read(name)["code"] == experiment.stamp_of(name), f"run `make experiments` ({name}) again"


@each
def test_the_scripts_that_an_experiment_needs_belong_to_its_result(name):
    brought = re.findall(r"(?m)^(?:import|from) (\w+)", (experiment.FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    scripts = {path.stem for path in experiment.FOLDER.parent.glob("*.py")}
    assert scripts & {*brought} == {*getattr(experiment.load(name), "ALSO", ())}


@each
def test_every_method_has_as_many_settings_and_no_two_are_equal(name):
    methods = experiment.load(name).METHODS
    assert len({len(settings) for settings in methods.values()}) == 1
    for method, settings in methods.items():
        assert len({str(setting) for setting in settings}) == len(settings), method


@each
def test_the_stored_result_is_complete(name):
    module, results = experiment.load(name), experiment.stored(name)
    assert stamp.read(name)["seeds"] == list(module.SEEDS)
    assert len(set(module.SEEDS)) >= 10
    assert max(module.SEEDS) < 100
    assert list(results) == list(module.METHODS)
    for method, settings in module.METHODS.items():
        assert results[method]["validation"].shape == (len(module.SEEDS), len(settings))
        assert set(results[method]["chosen"]) <= set(range(len(settings)))
        for metric, values in results[method].items():
            assert len(values) == len(module.SEEDS), metric
            assert all(math.isfinite(value) for value in values.ravel()), metric


@each
def test_a_slice_comes_out_again(name):
    module, (method, seed) = experiment.load(name), experiment.load(name).SLICE
    new, old = experiment.one(name, method, seed), experiment.stored(name)[method]
    place = module.SEEDS.index(seed)
    for metric in set(new) - {"chosen", "validation"}:
        loose = module.LOOSE.get(metric, 0.02)
        assert new[metric] == pytest.approx(float(old[metric][place]), abs=loose), metric


def test_the_hash_of_the_code_sees_what_is_reached_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(stamp, "ROOT", tmp_path)
    files = {
        "bench/script.py": "from lossbook import one\nfrom lossbook import data\n\nprint(one(), data.made())\n",
        "lossbook/__init__.py": "from lossbook.family import one, two\n",
        "lossbook/family.py": "from lossbook import _checks\n\nSCALE = 3\n\n"
                              "def one():\n    'Say.'\n    return _checks.number(SCALE)\n\ndef two():\n    return 2\n",
        "lossbook/_checks.py": "def number(x):\n    return x\n\ndef other(x):\n    return x\n",
        "lossbook/data.py": "def made():\n    return 1\n",
    }

    def hashed(**changed):
        for function in (stamp.source, stamp.parse):
            function.cache_clear()
        for name, text in {**files, **{key.replace("__", "/") + ".py": text for key, text in changed.items()}}.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return stamp.code("script")

    try:
        before = hashed()
        family, checks = files["lossbook/family.py"], files["lossbook/_checks.py"]
        assert hashed(lossbook__family=family.replace("return 2", "return 4")) == before
        assert hashed(lossbook__family=family.replace("'Say.'", "'Say it.'") + "\n# a comment\n") == before
        assert hashed(lossbook___checks=checks + "\ndef new():\n    return 5\n") == before
        assert hashed(lossbook__family=family.replace("SCALE = 3", "SCALE = 4")) != before
        assert hashed(lossbook___checks=checks.replace("return x\n\n", "return -x\n\n")) != before
        assert hashed(lossbook__data="def made():\n    return 2\n") != before
        assert hashed(bench__script=files["bench/script.py"].replace("print", "repr")) != before
        names = files["bench/script.py"].replace("one(), ", "'lossbook.two(z)', ")
        other = family.replace("return 2", "return 4")
        assert hashed(bench__script=names) != hashed(bench__script=names, lossbook__family=other)
    finally:
        for function in (stamp.source, stamp.parse):
            function.cache_clear()
