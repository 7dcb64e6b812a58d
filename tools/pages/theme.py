"""Sphinx extension of this book: what the theme and myst-nb do not do by themselves.

Every change to a page happens in one place, ``finish_page``, on the page's own HTML:
the links under the title, figures that keep their room, solutions that fold without a script.
"""

import os
import re
from html import escape
from pathlib import Path
from urllib.parse import quote

from bs4 import BeautifulSoup, NavigableString

from tools.chapter import slide_titles
from tools.execute.cache import OUTPUTS, PACKAGE, environment, key_of
from tools.layout import ROOT, has_notebook, repository_url
from tools.pages import icons, pictures, predictions, sliders

# What a page loads. The theme and its extensions offer more (icons of 540 kB, kernels, tabs, cards).
SCRIPTS = {
    "documentation_options.js",
    "doctools.js",
    "sphinx_highlight.js",
    "clipboard.min.js",
    "copybutton.js",
    "sphinx-book-theme.js",
    "tex-chtml.js",
    "page.js",
    "interactive.js",
    "questions.js",
    "front.js",
    "main.js",
}
KOREAN = re.compile("[ㄱ-ㆎ가-힣]+(?:[ -][ㄱ-ㆎ가-힣]+)*")
STYLE_SHEETS = re.compile(r"pygments|sphinx-book-theme|copybutton|mystnb|exercise|lossbook|front|playground")


def use_keyed_cache(_app, config):
    os.environ.update(environment())  # what executes here must be what the cache expects
    config.nb_execution_cache_path = str(OUTPUTS)
    # Sphinx reads a page anew when this value changes: pages follow the package and these files, too.
    config.lossbook_key = key_of(*PACKAGE, "tools/*.py", "tools/pages/*.py")


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
    if slide_titles(Path(app.srcdir, source).read_text(encoding="utf-8")):
        links += [("Slides", f"{up}slides/{Path(source).stem}.html", {})]
    if pagename == app.config.root_doc:
        links += [("Repository", url, {})]
    return [
        *links,
        ("Source", f"{up}_sources/{source}", {}),
        ("Edit", f"{url}/edit/{branch}/{quote(source)}", {}),
        ("Report an issue", f"{url}/issues/new?title={quote(f'{source}: ')}", {}),
    ]


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


def mend_summaries(soup) -> None:
    """Let a fold be called by the words that are seen on it; myst-nb gives it another name."""
    for summary in soup.select("summary[aria-label]"):
        del summary["aria-label"]


def turn(table) -> None:
    """Let rows and columns change places, the heads with them."""
    rows = [row.find_all(["th", "td"], recursive=False) for row in table.find_all("tr")]
    lines = [BeautifulSoup("<tr></tr>", "html.parser").tr for _ in rows[0]]
    for line, cells in zip(lines, zip(*rows, strict=True), strict=True):
        line.extend([cell.extract() for cell in cells])
    for cell in lines[0].find_all("td"):
        cell.name = "th"
    for line in lines[1:]:
        line.th.name = "td"
    table.thead.clear()
    table.thead.append(lines[0])
    table.tbody.clear()
    table.tbody.extend(lines[1:])


def fit_tables(soup) -> None:
    """Turn a table that is wider than high and has many columns; set one closer that has many even so."""
    for table in soup.find_all("table"):
        rows = table.find_all("tr")
        columns = len(rows[0].find_all(["th", "td"], recursive=False))
        if columns > max(8, len(rows)) and table.thead and not table.find(["th", "td"], attrs={"colspan": True}):
            turn(table)
            columns = len(rows)
        if columns > 6:
            table["class"] = [*table.get("class", []), "dense"]


def say_what_is_turned(soup) -> None:
    """Say below a figure that speaks of black or white that the dark theme draws it the other way round."""
    for figure in soup.select("div.cell:not(.tag_keep-colours) figure:has(figcaption p)"):
        if re.search(r"\b(black|white|dark\w*|bright\w*|pale)\b", figure.figcaption.get_text(), re.I):
            note = soup.new_tag("span", attrs={"class": "turned"})
            note.string = " In the dark theme black is drawn white, and white black."
            (figure.select(".headerlink") or [figure.select("figcaption p")[-1].contents[-1]])[0].insert_before(note)


def mend_lists(soup) -> None:
    """Say what Sphinx's lists are in words that assistive technology still knows."""
    for entry in soup.find_all(role="doc-biblioentry"):
        entry["role"] = "listitem"
    for parameters in soup.select("dt.sig > dl"):  # a definition list without a term is none
        parameters.name = "ul"
        for parameter in parameters.find_all("dd", recursive=False):
            parameter.name = "li"


def break_names(soup) -> None:
    """Let a name in a table of names break where one of its words ends."""
    for name in soup.select("table.offered code"):
        text = escape(name.get_text()).replace("_", "_<wbr>").replace(".", ".<wbr>")
        name.clear()
        name.append(BeautifulSoup(text, "html.parser"))


def mark_korean(soup) -> None:
    """Say which words are Korean, so that they are spoken as Korean and drawn in a Korean font."""
    for text in soup.find_all(string=KOREAN):
        if type(text) is NavigableString and not text.find_parent(class_="math"):
            marked = KOREAN.sub(r'<span lang="ko">\g<0></span>', escape(text, quote=False))
            text.replace_with(BeautifulSoup(marked, "html.parser"))


def name_folds(contents):
    """The contents at the left, in which a fold that shows nothing but an arrow has a name."""
    def named(*args, **how) -> str:
        return str(contents(*args, **how)).replace("<summary>", '<summary aria-label="Pages below this one">')

    return named


def finish_page(app, pagename, _templatename, context, doctree):
    """Mend one page before it is written."""
    if "generate_toctree_html" in context:
        context["generate_toctree_html"] = name_folds(context["generate_toctree_html"])
    if sliders.HOLDER in context.get("body", ""):
        app.add_js_file("interactive.js", loading_method="defer")
    if 'id="front-lines"' in context.get("body", ""):
        app.add_js_file("front.js", loading_method="defer")
    if 'class="playground"' in context.get("body", ""):
        app.add_js_file("playground/main.js", type="module")
        app.add_css_file("playground/playground.css", priority=950)
    context["script_files"] = [
        script for script in context["script_files"] if script_name(script) in SCRIPTS or mathjax(script)
    ]
    context["css_files"] = [sheet for sheet in context["css_files"] if STYLE_SHEETS.search(str(sheet.filename))]
    if doctree is None or "body" not in context:
        return
    if not re.search('class="(amsmath )?math', context["body"]):
        # Sphinx thinks that the front page has the formulas of all chapters.
        context["script_files"] = [script for script in context["script_files"] if not draws_formulas(script)]
    context["script_files"] = [deferred(script) for script in context["script_files"]]
    soup = BeautifulSoup(context["body"], "html.parser")
    for script in soup.find_all("script", type=lambda kind: kind != "application/json"):
        script.decompose()
    for section in soup.find_all("section", id=re.compile("^(exercise|solution|proof)-content$")):
        del section["id"]
    up = "../" * pagename.count("/")
    pictures.keep_room(soup, app, up)
    sliders.draw_stills(soup, app, up)
    keep_room_for_formulas(soup)
    fold_solutions(soup)
    predictions.fold_answers(soup)
    mend_lists(soup)
    mend_summaries(soup)
    fit_tables(soup)
    say_what_is_turned(soup)
    break_names(soup)
    mark_korean(soup)
    title = soup.find("h1")
    if title is not None:
        links = "".join(
            f'<a href="{escape(href)}"{"".join(f" {key}={value!r}" for key, value in more.items())}>{text}</a>'
            for text, href, more in page_links(app, pagename, has_notebook(ROOT / f"{pagename}.md"))
        )
        bar = BeautifulSoup(f'<nav class="page-links noprint" aria-label="This page">{links}</nav>', "html.parser")
        (title.parent.append if pagename == app.config.root_doc else title.insert_after)(bar)
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


def draws_formulas(script) -> bool:
    return script_name(script) == "tex-chtml.js" or mathjax(script)


def add_files(app, exception):
    """Put beside the pages the icons and the script that draws figures; take away what no page shows."""
    if not exception and app.builder.format == "html":
        pictures.remove_originals(app)
        sliders.write_script(app)
        icons.write_font(Path(app.outdir, "_static"))


def setup(app):
    app.add_config_value("lossbook_key", "", "env")
    app.connect("config-inited", use_keyed_cache, priority=10)
    app.connect("html-page-context", finish_page, priority=900)
    app.connect("build-finished", add_files)
    app.add_css_file("lossbook.css", priority=900)
    app.add_css_file("front.css", priority=901)
    app.add_js_file("page.js", loading_method="defer")
