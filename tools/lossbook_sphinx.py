"""Sphinx extension of this book: what the theme and myst-nb do not do by themselves.

Every change to a page happens in one place, ``finish_page``, on the page's own HTML:
the links under the title, figures that keep their room, solutions that fold without a script.
"""

import gc
import hashlib
import os
import re
import shutil
import sys
from html import escape
from pathlib import Path
from urllib.parse import quote

from bs4 import BeautifulSoup, NavigableString
from pybtex.plugin import find_plugin, register_plugin
from sphinx.domains.std import StandardDomain
from sphinx.highlighting import PygmentsBridge

sys.path.insert(0, str(Path(__file__).parent))
from book import ROOT, cache_path, environment, has_notebook, repository_url
from light import STILL, Formatter, compress, picture_size, write_still
from slides import has_slides

# What a page loads. The theme and its extensions offer more (icons of 540 kB, kernels, tabs, cards).
SCRIPTS = {
    "documentation_options.js",
    "doctools.js",
    "sphinx_highlight.js",
    "clipboard.min.js",
    "copybutton.js",
    "sphinx-book-theme.js",
    "searchtools.js",
    "language_data.js",
    "searchindex.js",
    "tex-chtml.js",
    "page.js",
    "interactive.js",
    "questions.js",
}
KOREAN = re.compile("[ㄱ-ㆎ가-힣]+(?:[ -][ㄱ-ㆎ가-힣]+)*")
RESOLVE_NUMBER = StandardDomain._resolve_numref_xref
STYLE_SHEETS = re.compile(r"pygments|sphinx-book-theme|copybutton|mystnb|exercise|lossbook")


class OneReading:
    """An environment that reads each page once: Sphinx unpickles a page for every reference by number to it."""

    def __init__(self, env, pages: dict):
        self.env, self.pages = env, pages

    def __getattr__(self, name: str):
        return getattr(self.env, name)

    def get_doctree(self, docname: str):
        if docname not in self.pages:
            self.pages[docname] = self.env.get_doctree(docname)
        return self.pages[docname]


def look_up_once():
    """Let Sphinx and pybtex keep what they look up for each reference anew: it takes a third of their time."""
    pages = {}
    StandardDomain._resolve_numref_xref = lambda self, env, *rest: RESOLVE_NUMBER(self, OneReading(env, pages), *rest)
    register_plugin("pybtex.backends", "plaintext", find_plugin("pybtex.backends", "plaintext"), force=True)


def use_keyed_cache(_app, config):
    os.environ.update(environment())  # what executes here must be what the cache expects
    config.nb_execution_cache_path = str(cache_path())
    # Sphinx reads a page anew when this value changes: pages follow the package and this file, too.
    own = b"".join(Path(__file__).with_name(name).read_bytes() for name in ("lossbook_sphinx.py", "light.py"))
    config.lossbook_key = cache_path().name + hashlib.sha256(own).hexdigest()[:16]


def page_links(app, pagename: str, has_notebook: bool) -> list[tuple[str, str, dict[str, str]]]:
    """The text, the address and further attributes of each link under a page's title."""
    url = repository_url(Path(app.srcdir))
    branch = app.config.html_theme_options.get("repository_branch", "main")
    source = Path(app.env.doc2path(pagename, base=False)).as_posix()
    notebook = str(Path(source).with_suffix(".ipynb"))
    up = "../" * pagename.count("/")
    links = []
    if has_notebook:
        name = url.removeprefix("https://github.com/")
        colab = f"https://colab.research.google.com/github/{name}/blob/{branch}/{quote(notebook)}"
        links += [("Open in Colab", colab, {}), ("Download notebook", up + notebook, {"download": ""})]
    if has_slides(Path(app.srcdir, source)):
        links += [("Slides", f"{up}slides/{Path(source).stem}.html", {})]
    if pagename == app.config.root_doc:
        links += [("Repository", url, {})]
    return [
        *links,
        ("Source", f"{up}_sources/{source}", {}),
        ("Edit", f"{url}/edit/{branch}/{quote(source)}", {}),
        ("Report an issue", f"{url}/issues/new?title={quote(f'{source}: ')}", {}),
    ]


def keep_room_for_images(soup, app, up: str) -> None:
    """Give each picture its size, so that nothing moves when it arrives; load it when it comes near."""
    sources = {name: Path(app.srcdir, path) for path, name in app.builder.images.items()}
    folder = Path(app.outdir, app.builder.imagedir)
    for image in soup.find_all("img", src=re.compile(r"_images/[^/]+\.(png|svg)$")):
        source = sources[image["src"].rsplit("/", 1)[1]]
        width, height = picture_size(source)
        image.attrs.update(width=width, height=height, loading="lazy", decoding="async")
        image.attrs.pop("style", None)  # myst-nb fixes both sides, and a phone would squeeze only one
        if source.suffix == ".png":
            image["src"] = f"{up}{app.builder.imagedir}/{compress(source, folder)}"
        if image.parent.name == "a":
            image.parent["href"] = image["src"]
    for still in soup.select(f'img[src^="{STILL}"]'):
        still.attrs.update(src=f"{up}{app.builder.imagedir}/{write_still(still, folder)}", loading="lazy")


def keep_room_for_formulas(soup) -> None:
    """Give each formula about the room that it will take, so that little moves when MathJax has drawn it."""
    for formula in soup.select("span.math, div.math"):
        tex = re.sub(r"^\\[\[(]|\\[\])]$", "", formula.get_text().strip())
        if formula.name == "span":
            names = len(re.findall(r"\\(?:log|ln|exp|max|min|sum|operatorname)\b", tex))
            signs = len(re.findall(r"[=<>+-]|\\(?:leq?|geq?|approx|cdot|times|to|in|sim|neq?)\b", tex))
            tex = re.sub(r"\\(?:[dt]?frac|text|math\w+|operatorname|left|right|[,;!])|[{}^_\s]", "", tex)
            letters = len(re.sub(r"\\[A-Za-z]+", "x", tex))
            formula["style"] = f"--em: {0.6 * letters + 1.5 * names + 0.7 * signs:.1f}"
        else:
            rows = re.split(r"\\\\", tex)
            tall = sum(bool(re.search(r"frac|sum|int|prod", row)) for row in rows)
            formula["style"] = f"--em: {1.3 * len(rows) + 1.5 * tall:.1f}"


def fold_solutions(soup) -> None:
    """Make each folded admonition a <details>, which opens by keyboard and without a script."""
    for box in soup.select("div.admonition.dropdown"):
        title = box.find(class_="admonition-title")
        text = " ".join(title.get_text().split())
        box.name, title.name, title.string = "details", "summary", text
        box["class"].remove("dropdown")


def mend_lists(soup) -> None:
    """Say what Sphinx's lists are in words that assistive technology still knows."""
    for entry in soup.find_all(role="doc-biblioentry"):
        entry["role"] = "listitem"
    for parameters in soup.select("dt.sig > dl"):  # a definition list without a term is none
        parameters.name = "ul"
        for parameter in parameters.find_all("dd", recursive=False):
            parameter.name = "li"


def mark_korean(soup) -> None:
    """Say which words are Korean, so that they are spoken as Korean and drawn in a Korean font."""
    for text in soup.find_all(string=KOREAN):
        if type(text) is NavigableString and not text.find_parent(class_="math"):
            marked = KOREAN.sub(r'<span lang="ko">\g<0></span>', escape(text, quote=False))
            text.replace_with(BeautifulSoup(marked, "html.parser"))


def finish_page(app, pagename, _templatename, context, doctree):
    """Mend one page before it is written."""
    if '<div class="interactive"' in context.get("body", ""):
        app.add_js_file("interactive.js", loading_method="defer")
    context["script_files"] = [
        script for script in context["script_files"] if script_name(script) in SCRIPTS or mathjax(script)
    ]
    context["css_files"] = [sheet for sheet in context["css_files"] if STYLE_SHEETS.search(str(sheet.filename))]
    if doctree is None or "body" not in context:
        return
    context["script_files"] = [deferred(script) for script in context["script_files"]]
    soup = BeautifulSoup(context["body"], "html.parser")
    for script in soup.find_all("script", type=lambda kind: kind != "application/json"):
        script.decompose()
    for section in soup.find_all("section", id=re.compile("^(exercise|solution|proof)-content$")):
        del section["id"]
    keep_room_for_images(soup, app, "../" * pagename.count("/"))
    keep_room_for_formulas(soup)
    fold_solutions(soup)
    mend_lists(soup)
    mark_korean(soup)
    title = soup.find("h1")
    if title is not None:
        links = "".join(
            f'<a href="{escape(href)}"{"".join(f" {key}={value!r}" for key, value in more.items())}>{text}</a>'
            for text, href, more in page_links(app, pagename, has_notebook(ROOT / f"{pagename}.md"))
        )
        bar = f'<nav class="page-links noprint" aria-label="This page">{links}</nav>'
        title.insert_after(BeautifulSoup(bar, "html.parser"))
    context["body"] = str(soup)


def script_name(script) -> str:
    return str(script.filename or "").rsplit("/", 1)[-1]


def deferred(script):
    """The same script, run when the text stands; one that is written out on the page needs no waiting."""
    if not script.filename:
        return script
    return type(script)(script.filename, priority=script.priority, **{**script.attributes, "defer": "defer"})


def mathjax(script) -> bool:
    return "MathJax" in str(script.attributes.get("body", ""))


def add_files(app, exception):
    """Put beside the pages the notebooks that they offer and the script that draws interactive figures."""
    if exception or app.builder.format != "html":
        return
    for docname in app.env.found_docs:
        notebook = Path(app.env.doc2path(docname)).with_suffix(".ipynb")
        if notebook.exists():
            target = Path(app.outdir, docname).with_suffix(".ipynb")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(notebook, target)
    for picture in Path(app.outdir, app.builder.imagedir).glob("*.png"):
        if picture.with_suffix(".webp").exists():
            picture.unlink()
    import vl_convert

    version = f"/* Vega, Vega-Lite and vega-embed from vl-convert {vl_convert.__version__} */\n"
    bundle = Path(app.outdir, "_static", "vega.js")
    if not bundle.exists() or not bundle.read_text().startswith(version):
        bundle.write_text(f"{version}(() => {{{vl_convert.javascript_bundle()}\n}})();\n")


def setup(app):
    gc.set_threshold(50_000, 20, 20)  # pages are large trees: the usual 700 costs a tenth of the time
    PygmentsBridge.html_formatter = Formatter
    look_up_once()
    app.add_config_value("lossbook_key", "", "env")
    app.connect("config-inited", use_keyed_cache, priority=10)
    app.connect("html-page-context", finish_page, priority=900)
    app.connect("build-finished", add_files)
    app.add_css_file("lossbook.css", priority=900)
    app.add_js_file("page.js", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
