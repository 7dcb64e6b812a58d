"""Sphinx extension: what the search of the book knows.

Of each page, Pagefind reads a copy (_build/search) in which every place that can be found is a heading with an
address: a section, an entry of the API, a term of the glossary. Formulas are left out, but for those that are words.
It writes _build/html/pagefind, which theme/static/search.js asks; words.json, from which a slip of the pen is mended,
lies beside it.
"""

import json
import re
import shutil
import subprocess
import sys
import unicodedata
from html import unescape
from pathlib import Path

from tools.layout import ROOT, parts

COPIES = ROOT / "_build" / "search"
PAGE = """<html lang="en"><head><title>{title}</title></head>
<body><main {weight} data-pagefind-body>{body}</main></body></html>"""
LEFT_OUT = (".cell_output", "nav", ".stamp", ".in-the-api", ".api-link", "a.headerlink", "script", "button",
            "table.offered")
NEVER_SHOWN = ("pagefind-component-ui", "pagefind-highlight", "pagefind-modular-ui", "pagefind-ui", "wasm.unknown")
# How much a word counts: what teaches it comes first, and lists of words come last.
WEIGHTS = {"index": 0.2, "glossary": 0.1, "bibliography": 0.1, "status": 0.1, "teaching": 0.1,
           "accessibility": 0.1}
SECTION = re.compile(r'<section\b[^>]*?\bid="([^"]+)"[^>]*>(\s*(?:<span id="[^"]+"></span>\s*)*)<h([1-6])')
NAME = r'<span class="sig-name[^>]*>(?:<span[^>]*>)?([^<]+)'
ENTRY = re.compile(rf'<dt class="sig[^>]*?\bid="([^"]+)"[^>]*>.*?{NAME}.*?</dt>', re.DOTALL)
TERM = re.compile(r'<dt id="(term-[^"]+)">(.*?)</dt>', re.DOTALL)
NUMBER = r'(?:\s*<span class="eqno">.*?</span>)?'
FORMULA = re.compile(rf'<(span|div) class="[^"]*\bmath\b[^>]*>{NUMBER}\s*\\[(\[](.*?)\\[)\]]\s*</\1>', re.DOTALL)
HEADING = re.compile(r"<h[1-6]\b[^>]*>(.*?)</h[1-6]>", re.DOTALL)


def spoken(formula: re.Match) -> str:
    """A formula of letters and signs as text, such as γ = 2; of any other nothing is left but a sign of it."""
    def greek(name: re.Match) -> str:
        case = "SMALL" if name[1].islower() else "CAPITAL"
        try:
            return unicodedata.lookup(f"GREEK {case} LETTER {name[1].upper().replace('LAMBDA', 'LAMDA')}")
        except KeyError:
            return name[0]

    text = re.sub(r"\\([A-Za-z]+)", greek, unescape(formula[2])).strip()
    short = formula[1] == "span" and not re.search(r"[\\{}^_&]", text)
    return f"<span>{text.replace('<', '&lt;')}</span>" if short else "<span>…</span>"


def copy_of(name: str, body: str) -> str:
    """A page as the search reads it."""
    body = SECTION.sub(r'<section>\2<h\3 id="\1"', FORMULA.sub(spoken, body))
    body = re.sub(r"\$[^$<>]+\$", "…", body)  # a formula in the code of a figure
    body = ENTRY.sub(r'<h3 id="\1">\2</h3>', body)
    body = TERM.sub(r'<h3 id="\1">\2</h3>', body)
    title = HEADING.search(body)
    stem = name.rsplit("/", 1)[-1]
    weight = WEIGHTS.get(stem, 0.3 if name.startswith("chapters/reference/") else 1)
    weight = f'data-pagefind-weight="{weight}"' if weight < 1 else ""  # even 1 would make headings count no more
    return PAGE.format(title=plain(title[1]) if title else name, weight=weight, body=body)


def plain(html: str) -> str:
    return " ".join(unescape(re.sub("<[^>]+>", "", html)).replace("#", "").split())


def words_of(copies: list[str]) -> list[str]:
    """The words of all headings, in which a mistyped word is looked for; of joined words also the whole."""
    found = set()
    for text in copies:
        for heading in HEADING.findall(text):
            for word in re.findall(r"[\w-]+", plain(heading).lower()):
                found |= {*re.split(r"[-_]", word), word.replace("-", "")}
    return sorted(word for word in found if len(word) >= 4 and not word[0].isdigit())


def begin(_app) -> None:
    shutil.rmtree(COPIES, ignore_errors=True)


def keep(app, pagename, _templatename, context, doctree) -> None:
    """Keep a copy of each page as it is written."""
    if doctree is not None and app.builder.format == "html":
        path = COPIES / f"{pagename}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(copy_of(pagename, context["body"]), encoding="utf-8")


def write_index(app, exception) -> None:
    copies = [COPIES / f"{page}.html" for _, part in parts() for page in part]
    if exception or app.builder.format != "html" or not all(path.exists() for path in copies):
        return
    folder = Path(app.outdir, "pagefind")
    command = [sys.executable, "-m", "pagefind_bin", "--site", str(COPIES), "--output-path", str(folder), "--silent",
               "--force-language", "en", "--exclude-selectors", ", ".join(LEFT_OUT)]
    subprocess.run(command, check=True)
    for path in folder.iterdir():
        if path.name.startswith(NEVER_SHOWN):
            path.unlink()
    words = words_of([path.read_text(encoding="utf-8") for path in copies])
    (folder / "words.json").write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")


def setup(app):
    app.connect("builder-inited", begin)
    app.connect("html-page-context", keep, priority=960)
    app.connect("build-finished", write_index)
