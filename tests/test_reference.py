"""The reference pages: nothing public, cited or written is missing from them."""

import functools
import importlib
import inspect
import pkgutil
import re
import textwrap
import unicodedata
import warnings
from io import StringIO

import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from pybtex.database import parse_file
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish
from sphinx.util.docutils import docutils_namespace, patch_docutils

import lossbook
from tools.chapter import prose, read
from tools.layout import NO_LOSSES, ROOT, chapters, parts
from tools.pages.api import TAUGHT, homes, mend_peers, uses, using
from tools.pages.reference import index_without_spaces, link_to_the_entry, shown
from tools.pages.theme import fit_tables, mark_korean, say_what_is_turned

REFERENCE = ROOT / "chapters" / "reference"
CHAPTERS = [path for path in chapters()[1:] if path.parent != REFERENCE]
BIBLIOGRAPHY = parse_file(ROOT / "references.bib", bib_format="bibtex").entries
NAMES = [module.name for module in pkgutil.iter_modules(lossbook.__path__) if not module.name.startswith("_")]
MODULES = [importlib.import_module(f"lossbook.{name}") for name in NAMES]
FOCAL_BODY = inspect.getsource(lossbook.focal_loss).split('"""')[2]


def public(module) -> set[str]:
    """Every name that a module offers: its `__all__`, else what it defines itself under a name without underscore."""
    own = {name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__}
    names = getattr(module, "__all__", [name for name in own if not name.startswith("_")])
    return {f"{module.__name__}.{name}" for name in names}


@pytest.fixture(scope="module")
def api(tmp_path_factory) -> tuple[dict[str, str], str]:
    """The names on the API pages and the page of each, read by Sphinx itself, and what Sphinx warns of."""
    folder, log = tmp_path_factory.mktemp("api"), StringIO()
    (folder / "index.md").write_text("# API\n", encoding="utf-8")
    for page in REFERENCE.glob("api-*.md"):
        (folder / page.name).write_text(page.read_text(encoding="utf-8"), encoding="utf-8")
    extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
    settings = {"extensions": extensions, "suppress_warnings": ["myst.xref_missing", "toc.not_included"]}
    with warnings.catch_warnings(), docutils_namespace(), patch_docutils():
        warnings.simplefilter("ignore")
        app = Sphinx(folder, None, folder / "out", folder / "trees", "dummy", settings, status=None, warning=log)
        app.build()
    entries = app.env.get_domain("py").objects.items()
    return {name: entry.docname for name, entry in entries if name.count(".") == 2}, log.getvalue()


def test_every_public_name_is_on_the_page_of_its_module(api):
    assert api[0] == {name: f"api-{name.split('.')[1]}" for module in MODULES for name in public(module)}


def test_no_name_is_in_the_api_twice(api):
    assert "duplicate object description" not in api[1]


def test_every_page_of_a_module_stands_below_the_api_in_the_contents():
    top = {page for _, pages in parts(below=False) for page in pages}
    every = [page for _, pages in parts() for page in pages]
    below = [page for page in every if page not in top]
    assert sorted(below) == sorted(f"chapters/reference/api-{name}" for name in NAMES)
    first = every.index("chapters/reference/api") + 1
    assert every[first : first + len(below)] == below


@functools.cache
def page_of(built_book, name: str) -> BeautifulSoup:
    return BeautifulSoup((built_book / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_the_page_of_a_module_begins_with_a_table_of_all_its_names(module, built_book):
    page = page_of(built_book, f"chapters/reference/api-{module.__name__.split('.')[1]}")
    rows = page.select("table.offered tbody tr")
    assert {row.a["href"].removeprefix("#") for row in rows} == public(module)
    assert all(len(row.select("td")[1].get_text().split()) > 2 for row in rows)
    assert public(module) <= {place["id"] for place in page.select("dt.sig[id]")}


def test_every_address_that_the_api_had_while_it_was_one_page_still_leads_to_the_entry(built_book):
    page = page_of(built_book, "chapters/reference/api")
    for name in set().union(*map(public, MODULES)):
        link = page.find(id=name).a["href"]
        assert link == f"api-{name.split('.')[1]}.html#{name}"
    assert {page.find(id=f"module-lossbook.{name}").a["href"].split("#")[0] for name in NAMES} == {
        f"api-{name}.html" for name in NAMES
    }


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_and_each_of_its_losses_in_the_api_lead_to_each_other(chapter, built_book):
    address = chapter.relative_to(ROOT).with_suffix("").as_posix()
    page = page_of(built_book, address)
    links = page.select("p.in-the-api a")
    assert [link.get_text() for link in links[:1]] == ["API"]
    assert len(links) > 1
    for link in links[1:]:
        file, name = re.search(r"reference/(api-\w+)\.html#(.+)$", link["href"]).groups()
        entry = page_of(built_book, f"chapters/reference/{file}").find(id=name).find_next_sibling("dd")
        back = [other["href"] for other in entry.find_all("a")]
        assert f"../{chapter.parent.name}/{chapter.stem}.html" in back, (name, back)


def test_the_chapter_that_says_a_name_most_teaches_it():
    cell = "```{code-cell} ipython3\nfrom lossbook import focal_loss\n```\n"
    texts = {"first": cell, "second": f"{cell}Why `focal_loss`?\n", "third": "focal_loss " * 9}
    assert using("lossbook.imbalance.focal_loss", texts) == ["second", "first"]
    assert using("lossbook.imbalance.ohem_loss", texts) == []


def test_a_loss_is_taught_in_the_part_of_its_module():
    cell = "```{code-cell} ipython3\nfrom lossbook import smooth_l1_loss\n```\n"
    texts = {"chapters/loss-and-metric/regression": cell, "chapters/families/boxes": f"{cell}smooth_l1_loss again\n"}
    assert using("lossbook.regression.smooth_l1_loss", texts)[0] == "chapters/loss-and-metric/regression"
    assert set(TAUGHT) <= {module.__name__ for module in MODULES}


def test_the_table_of_losses_holds_no_help(built_book):
    heads = page_of(built_book, "chapters/reference/api").find_all("h2")
    (losses,) = [head.parent for head in heads if "All losses" in head.get_text()]
    homes_of = {link["href"].split("#lossbook.")[1].split(".")[0] for link in losses.select("tbody td:first-child a")}
    assert "imbalance" in homes_of
    assert not homes_of & NO_LOSSES


def test_what_an_entry_says_of_other_libraries_is_named(built_book):
    lines = ["One line.", "", "Peers: torch agrees.", "", "Its Peers: stay."]
    mend_peers(None, "function", "f", None, None, lines)
    assert lines == ["One line.", "", "**In other libraries:** torch agrees.", "", "Its Peers: stay."]
    said = [page_of(built_book, f"chapters/reference/api-{name}").get_text() for name in NAMES]
    assert sum(text.count("In other libraries:") for text in said) >= 40
    assert [name for name, text in zip(NAMES, said, strict=True) if "Peers:" in text] == []


def test_every_loss_can_be_imported_from_the_top():
    for module in ("regression", "classification", "imbalance"):
        for name in public(importlib.import_module(f"lossbook.{module}")):
            assert hasattr(lossbook, name.rsplit(".", 1)[1]), name


@pytest.mark.parametrize(
    ("code", "used"),
    [
        ("from lossbook import focal_loss", True),
        ("from lossbook import (\n    class_weights,\n    focal_loss,\n)", True),
        ("lossbook.focal_loss(z, y)", True),
        ("imbalance.focal_loss(z, y)", True),
        ("naive_focal_loss(z, y)", False),
        ("from lossbook import softmax_focal_loss", False),
        ("kornia.losses.focal_loss(z, y)", False),
    ],
)
def test_a_chapter_is_named_where_its_code_uses_a_function(code, used):
    assert uses(f"```{{code-cell}} ipython3\n{code}\n```\n", "lossbook.imbalance.focal_loss") is used


@pytest.mark.parametrize("code", [
    "from lossbook import data\ndata.focal_loss(z, y)",
    "from lossbook.imbalance import focal_loss",
    "lossbook.focal_loss(z)",
])
@pytest.mark.parametrize("name", ["lossbook.imbalance.focal_loss", "lossbook.data.focal_loss"])
def test_what_a_module_exports_of_another_is_used_by_either_name(code, name, monkeypatch):
    cell = f"```{{code-cell}} ipython3\n{code}\n```\n"
    assert not uses(cell, "lossbook.imbalance.asymmetric_loss")
    monkeypatch.setattr(lossbook.data, "focal_loss", lossbook.focal_loss, raising=False)
    homes.cache_clear()
    assert uses(cell, name)
    homes.cache_clear()


def test_a_part_of_a_class_and_a_name_outside_the_package_have_their_own_home_alone():
    assert homes("lossbook.Loss.forward") == ["lossbook.Loss"]
    assert homes("lossbook.imbalance.focal_loss")[:2] == ["lossbook.imbalance", "lossbook"]
    assert homes("lossbook.information.cross_entropy") == ["lossbook.information"]


@pytest.mark.parametrize(
    ("file", "source", "name"),
    [
        ("lossbook/imbalance.py", inspect.getsource(lossbook.focal_loss), "lossbook.imbalance.focal_loss"),
        ("lossbook/imbalance.py", textwrap.dedent(FOCAL_BODY), "lossbook.imbalance.focal_loss"),
        ("lossbook/information.py", inspect.getsource(lossbook.information._expectation), None),
        ("lossbook/imbalance.py", "loss = 1", None),
        ("tools/build.py", "def build()", None),
    ],
)
def test_a_source_shown_in_a_chapter_leads_to_its_entry(file, source, name):
    block = nodes.literal_block(source, source, source=file)
    page = nodes.section("", block, nodes.paragraph())
    link_to_the_entry(None, page)
    assert [link["reftarget"] for link in page.findall(addnodes.pending_xref)] == ([name] if name else [])
    assert page[0] is block
    assert shown(block) == name


@pytest.mark.parametrize("page", ["glossary", "notation"])
def test_every_chapter_is_linked_from(page):
    linked = re.findall(r"\{doc\}`\.\./([\w/-]+)`", (REFERENCE / f"{page}.md").read_text(encoding="utf-8"))
    assert {f"{path.parent.name}/{path.stem}" for path in CHAPTERS} <= set(linked)


def glossary() -> list[list[str]]:
    """The lines of each entry: the English term, the Korean term, the definition."""
    text = (REFERENCE / "glossary.md").read_text(encoding="utf-8")
    listing = re.search(r"(?s)^```\{glossary\}\n:sorted:\n\n(.*?)^```$", text, re.M)
    return [entry.splitlines() for entry in listing[1].strip().split("\n\n")]


def test_every_glossary_entry_has_an_english_and_a_korean_term_and_a_definition():
    for english, korean, *definition in glossary():
        assert not re.search("[가-힣]", english), english
        assert re.search("[가-힣]", korean), english
        assert definition, english
        assert all(line.startswith("  ") for line in definition), english
        assert definition[-1].endswith("."), english


def test_the_glossary_names_no_term_twice():
    terms = [term for english, korean, *_ in glossary() for term in (english, korean)]
    assert len(terms) == len(set(terms))


def words(term: str) -> tuple[str, ...]:
    """The words of a term in lower case and without the ending of a plural or a verb."""
    return tuple(re.sub(r"(ing|s)$", "", word) for word in term.lower().split())


def names() -> set[tuple[str, ...]]:
    """What the glossary calls its entries: the terms, and the other names that the definitions give them."""
    found = set()
    for english, _, *definition in glossary():
        others = re.findall(r"(?:called|in short|Also:|Short form:) ([^.;]+)", " ".join(definition))
        found |= {words(name) for name in [english, *", ".join(others).split(", ")]}
    return found


def unexplained(chapter: str, known: set[tuple[str, ...]]) -> list[str]:
    """The terms in bold that no entry is called by, not even with a word more, as in "prior probability"."""
    bold = [term for term in re.findall(r"\*\*(.+?)\*\*", chapter) if words(term) not in known]
    longer = {part for name in known for part in (name[:-1], name[1:])}
    return [term for term in bold if words(term) not in longer]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_term_that_a_chapter_defines_is_in_the_glossary(chapter):
    text = "\n".join(prose(cell.source) for cell in read(chapter).cells if cell.cell_type == "markdown")
    assert "**" in text
    assert unexplained(text, names()) == []


def test_a_term_is_known_by_its_plural_its_other_names_and_a_longer_form():
    known = {words(name) for name in ("information content", "prior probability", "nat", "training")}
    assert unexplained("In **nats**, the **Prior**: to **train**, **information content**.", known) == []
    assert unexplained("a **prior belief**, **contents**, **rain** and **KL**", known) == ["prior belief", "rain", "KL"]


def test_the_search_index_splits_korean_into_words():
    search = SearchEnglish({})
    assert search.split("쿨백-라이블러 발산") == ["쿨백", "라이블러", "발산"]
    assert all(search.word_filter(word) and search.stem(word) == word for word in ("손실", "엔트로피"))


def test_a_korean_term_is_indexed_with_and_without_its_spaces():
    index = addnodes.index(
        entries=[("single", "손실 함수", "term-1", "main", None), ("single", "F1 score", "t", "", None)]
    )
    index_without_spaces(None, nodes.section("", index))
    assert [entry[1] for entry in index["entries"]] == ["손실 함수", "F1 score", "손실함수"]
    assert index["entries"][-1][2] == "term-1"


@pytest.mark.parametrize(
    ("page", "marked"),
    [
        ("<dt>쿨백-라이블러 발산</dt>", '<dt><span lang="ko">쿨백-라이블러 발산</span></dt>'),
        ("<p>a ㅋㅋ &lt; 손실.</p>", '<p>a <span lang="ko">ㅋㅋ</span> &lt; <span lang="ko">손실</span>.</p>'),
        ('<script type="application/json">"ㅋ"</script>', None),
        ('<span class="math">\\(\\text{ㅋ}\\)</span>', None),
    ],
)
def test_korean_words_are_marked_as_korean(page, marked):
    soup = BeautifulSoup(page, "html.parser")
    mark_korean(soup)
    assert str(soup) == (marked or page)


@pytest.mark.parametrize(("columns", "rows", "turned", "dense"), [
    (9, 3, True, False), (11, 8, True, True), (9, 9, False, True), (8, 3, False, True), (6, 2, False, False),
])  # fmt: skip
def test_a_table_that_is_wider_than_high_is_turned_and_one_of_many_columns_is_set_closer(columns, rows, turned, dense):
    cells = [[f"{row}.{column}" for column in range(columns)] for row in range(rows)]
    html = [f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in row)}</tr>"
            for row, tag in zip(cells, ["th", *["td"] * (rows - 1)], strict=True)]
    head, *body = html
    soup = BeautifulSoup(f"<table><thead>{head}</thead><tbody>{''.join(body)}</tbody></table>", "html.parser")
    fit_tables(soup)
    found = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in soup.find_all("tr")]
    assert found == ([list(row) for row in zip(*cells, strict=True)] if turned else cells)
    assert {cell.name for cell in soup.thead.find_all(["th", "td"])} == {"th"}
    assert {cell.name for cell in soup.tbody.find_all(["th", "td"])} == {"td"}
    assert ("dense" in soup.table.get("class", [])) is dense


def test_the_map_links_every_page_in_the_contents_once(built_book):
    page = BeautifulSoup((built_book / "chapters" / "index.html").read_text(encoding="utf-8"), "html.parser")
    links = [link["href"].split("#")[0] for link in page.select(".book-map a")]
    listed = [page for _, pages in parts(below=False)[1:] for page in pages]
    assert links == [f"{page.removeprefix('chapters/')}.html" for page in listed]


def plain(text: str) -> str:
    """Lower-case ASCII letters only: Dollár becomes dollar."""
    return re.sub("[^a-z]", "", unicodedata.normalize("NFKD", text).lower())


def checksum_holds(isbn: str) -> bool:
    digits = [int(digit) for digit in isbn.replace("-", "")]
    return len(digits) == 13 and sum(digit * (1, 3)[i % 2] for i, digit in enumerate(digits)) % 10 == 0


@pytest.mark.parametrize("key", list(BIBLIOGRAPHY))
def test_a_bibliography_entry_is_complete(key):
    fields, people = BIBLIOGRAPHY[key].fields, BIBLIOGRAPHY[key].persons
    author = plain("".join(people["author"][0].last_names))
    assert re.fullmatch(rf"{author}{fields['year']}[a-z0-9]+", key), "a key is author, year and a word of the title"
    assert plain(re.sub(r"^[a-z]+\d+", "", key)) in plain(fields["title"]), "the word of the key stands in the title"
    assert any(fields.get(venue) for venue in ("journal", "booktitle", "publisher", "institution", "eprint"))
    found_by = {"doi", "eprint", "isbn"} | ({"number"} if BIBLIOGRAPHY[key].type == "techreport" else set())
    if fields.get("url", "").startswith(("https://papers.nips.cc/", "https://jmlr.org/papers/")):  # no other name then
        found_by.add("url")
    assert found_by & set(fields)
    assert re.fullmatch(r"10\.\d{4,}/\S+", fields.get("doi", "10.1000/x"))
    assert re.fullmatch(r"\d{4}\.\d{4,5}", fields.get("eprint", "1708.02002"))
    assert checksum_holds(fields.get("isbn", "9780521642989"))


def test_exactly_the_entries_of_the_bibliography_are_cited():
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "chapters").rglob("*.md"))
    cited = {key.strip() for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", text) for key in keys.split(",")}
    assert set(BIBLIOGRAPHY) == cited


@pytest.mark.parametrize(("caption", "tag", "notes"), [
    ("Black: from probabilities.", "", 1),
    ("Dots, the darker the more.", "", 1),
    ("Black: from probabilities.", "tag_keep-colours", 0),
    ("Blue: from logits.", "", 0),
])
def test_a_figure_that_speaks_of_black_says_what_the_dark_theme_makes_of_it(caption, tag, notes):
    soup = BeautifulSoup(f'<div class="cell {tag}"><figure><figcaption><p><span>Fig. 1 </span>{caption}'
                         '<a class="headerlink">¶</a></p></figcaption></figure></div>', "html.parser")
    say_what_is_turned(soup)
    assert len(soup.select(".turned")) == notes
    assert soup.p.contents[-1].name == "a"
