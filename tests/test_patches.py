"""The patches of Sphinx, Pygments and pybtex: each does what it is for, and is left out when its place has changed."""

import gc
from types import SimpleNamespace

import pytest
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors.toctree import TocTreeCollector
from sphinx.highlighting import PygmentsBridge
from sphinx.util.docutils import docutils_namespace, patch_docutils

from tools.pages import patches


@pytest.fixture(autouse=True)
def _undone(monkeypatch):
    """Put everything back that a patch changes."""
    monkeypatch.setattr(PygmentsBridge, "html_formatter", HtmlFormatter)
    monkeypatch.setattr(StandardDomain, "_resolve_numref_xref", StandardDomain._resolve_numref_xref)
    monkeypatch.setattr("pybtex.plugin._RUNTIME_PLUGINS", {})
    collections = gc.get_threshold()
    yield
    gc.set_threshold(*collections)


def test_code_has_no_spans_that_change_nothing():
    code = 'x = f(1.5, "a")\nif x in y: pass\n'
    usual, light = (highlight(code, PythonLexer(), formatter()) for formatter in (HtmlFormatter, patches.Formatter))
    assert '<span class="p">' in usual
    assert '<span class="mf">' in usual
    assert '<span class="p">' not in light
    assert '<span class="m">1.5</span>' in light
    assert '<span class="s">"a"</span>' in light
    assert '<span class="k">if</span>' in light
    patches.light_code()
    assert PygmentsBridge.html_formatter is patches.Formatter


def test_a_page_is_read_once_for_all_references_by_number(monkeypatch):
    read = []
    env = SimpleNamespace(get_doctree=lambda name: read.append(name) or name.upper(), found_docs={"a"})

    def resolve(self, env, name):  # noqa: ARG001
        return env.get_doctree(name), env.found_docs

    monkeypatch.setattr(StandardDomain, "_resolve_numref_xref", resolve)
    patches.one_reading()
    found = [StandardDomain._resolve_numref_xref(None, env, name) for name in "aba"]
    assert found == [("A", {"a"}), ("B", {"a"}), ("A", {"a"})]
    assert read == ["a", "b"]


def test_the_backend_of_citations_is_looked_up_once(monkeypatch):
    patches.one_look_up()
    monkeypatch.setattr("pybtex.plugin.entry_points", lambda **_: pytest.fail("all packages were searched"))
    assert patches.find_plugin("pybtex.backends", "plaintext").__name__ == "Backend"


CHANGED = {
    "Pygments renames the method": (patches.light_code, HtmlFormatter, "_get_css_classes", lambda self, kind: ""),  # noqa: ARG005
    "Sphinx writes code otherwise": (patches.light_code, PygmentsBridge, "html_formatter", object),
    "Sphinx drops the method": (patches.one_reading, StandardDomain, "_resolve_numref_xref", None),
    "Sphinx changes its arguments": (patches.one_reading, StandardDomain, "_resolve_numref_xref", lambda self: self),
    "pybtex changes its function": (patches.one_look_up, patches, "register_plugin", lambda group, name: None),  # noqa: ARG005
}


@pytest.mark.parametrize("case", CHANGED)
def test_a_patch_is_left_out_with_a_warning_when_its_place_has_changed(case, monkeypatch):
    patch, owner, name, new = CHANGED[case]
    monkeypatch.setattr(owner, name, new)
    before = PygmentsBridge.html_formatter, StandardDomain._resolve_numref_xref
    with pytest.warns(UserWarning, match=f"leaves out {patch.__name__}: "):
        patch()
    assert (PygmentsBridge.html_formatter, StandardDomain._resolve_numref_xref) == before
    assert getattr(owner, name) is new


def test_a_patch_that_is_left_out_is_no_error_of_the_book(tmp_path, monkeypatch):
    monkeypatch.setattr(StandardDomain, "_resolve_numref_xref", None)
    (tmp_path / "index.md").write_text("# A page\n", encoding="utf-8")
    settings = {"extensions": ["myst_parser", "tools.pages.patches"]}
    folders = tmp_path, None, tmp_path / "out", tmp_path / "trees"
    with docutils_namespace(), patch_docutils():
        with pytest.warns(UserWarning, match="leaves out one_reading"):
            app = Sphinx(*folders, "dummy", settings, status=None, warning=None, warningiserror=True)
        app.build()
    assert app.statuscode == 0


def test_of_an_edited_page_alone_is_read_and_its_figures_keep_their_numbers(monkeypatch):
    usual = BuildEnvironment.get_outdated_files, TocTreeCollector.assign_figure_numbers
    env = SimpleNamespace(toc_fignumbers={"one": {"figure": {"fig-a": (1, 2)}}})
    with patches.one_page(env, "one"):
        env.toc_fignumbers.clear()
        assert BuildEnvironment.get_outdated_files(env, False) == (set(), {"one"}, set())
        assert TocTreeCollector.assign_figure_numbers(None, env) == []
    assert env.toc_fignumbers == {"one": {"figure": {"fig-a": (1, 2)}}}
    assert (BuildEnvironment.get_outdated_files, TocTreeCollector.assign_figure_numbers) == usual
    monkeypatch.setattr(TocTreeCollector, "assign_figure_numbers", lambda self, env, more: None)  # noqa: ARG005
    with pytest.warns(UserWarning, match="leaves out one_page"), patches.one_page(env, "one"):
        assert BuildEnvironment.get_outdated_files is usual[0]
