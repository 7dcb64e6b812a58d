"""The files around the book: they agree with each other and carry nothing of the machine they were written on."""

import ast
import re
import subprocess
import tomllib
from itertools import chain

import pytest
import yaml

from tools.layout import ROOT

URL = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
OWNER_AND_NAME = URL.removeprefix("https://github.com/")
# Written in pieces, so that this file does not hold what it forbids.
HOSTS = ["py" + "pi.org", "python" + "hosted.org", "ana" + "conda.org", "npm" + "js.org", "download" + ".pytorch.org"]
OPTIONS = ["index" + "-url", "find" + "-links"]
PATHS = r"(?<![\w./:~-])/(?:work|root|home|Users)/(?!(?:me|x)\b)\w"  # me and x stand for anybody
FORBIDDEN = re.compile("|".join([*map(re.escape, HOSTS + OPTIONS), PATHS]))
PLACES = r"github\.com|colab\.research\.google\.com/github|mybinder\.org/v2/gh"
OUR_ADDRESS = re.compile(rf"(?:{PLACES})/([\w.-]+/lossbook)\b")


def texts() -> dict[str, str]:
    """Every text file under version control."""
    if not (ROOT / ".git").exists():
        pytest.skip("this copy is not under version control, so nobody knows which of its files are the book's")
    command = ["git", "ls-files"]
    found = {}
    for name in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        path = ROOT / name
        if path.is_file() and path.suffix != ".png":
            found[name] = path.read_text(encoding="utf-8")
    return found


def test_no_file_names_a_package_registry_or_a_path_of_one_machine():
    found = {name: match[0] for name, text in texts().items() if (match := FORBIDDEN.search(text))}
    assert not found


def test_the_address_of_the_repository_stands_in_the_configuration_alone():
    derived = ("_config.yml", "README.md", "CITATION.cff")
    found = {name: set(OUR_ADDRESS.findall(text)) for name, text in texts().items()}
    for name, owners in found.items():
        if name in derived or name.endswith(".ipynb"):
            assert owners <= {OWNER_AND_NAME}, name
        else:
            assert not owners, name
    assert all(found[name] for name in derived)


def test_the_readme_names_both_commands_and_shows_a_small_picture():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"(?m)^make book\b", text)
    assert re.search(r"(?m)^make test\b", text)
    pictures = re.findall(r"!\[[^\]]{20,}\]\(([^)]+)\)", text)
    assert len(pictures) == 1
    assert (ROOT / pictures[0]).stat().st_size <= 150_000


def test_every_file_that_the_readme_links_to_is_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blob = f"https://colab.research.google.com/github/{OWNER_AND_NAME}/blob/main/"
    links = [link.removeprefix(blob) for link in re.findall(r"\]\(([^)]+)\)", text) if "mybinder.org" not in link]
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_contributing_guide_gives_each_dependency_a_reason():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = chain(project["dependencies"], *project["optional-dependencies"].values())
    rows = re.findall(r"(?m)^\| ([a-z][^|]+) \| [^|]{5,} \|$", text.split("## Dependencies")[1])
    given = [name for row in rows for name in row.split(", ")]
    assert sorted(given) == sorted(re.match(r"[\w-]+", name)[0] for name in wanted)


def test_the_citation_file_is_complete_and_agrees_with_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"cff-version", "message", "title", "authors", "version", "license"} <= set(citation)
    assert citation["authors"] == [{"name": "The lossbook authors"}]
    assert citation["version"] == project["version"]
    assert citation["repository-code"] == URL
    assert project["license"] in citation["license"]


def without_encoding(text: str) -> list[int]:
    """The lines that read or write text in whatever encoding the machine prefers."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or "encoding" in {keyword.arg for keyword in node.keywords}:
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        words = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
        mode = any(isinstance(word, str) and re.fullmatch("[rwax+]+b", word) for word in words)
        owner = ast.unparse(node.func).split(".")[0]
        text = called == "write_text" or (called == "read_text" and not node.args)
        if text or (called == "open" and not mode and owner not in {"urllib", "Image", "os", "archive"}):
            found.append(node.lineno)
    return found


def test_text_is_read_and_written_in_one_encoding_on_every_machine():
    sources = [path for folder in ("lossbook", "tools", "tests", "bench") for path in (ROOT / folder).rglob("*.py")]
    found = {str(path.relative_to(ROOT)): without_encoding(path.read_text(encoding="utf-8")) for path in sources}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(("line", "found"), [
    ("p.read_text()", [1]), ("p.write_text('x')", [1]), ("open('x')", [1]), ("p.open('w')", [1]),
    ("p.read_text(encoding='utf-8')", []), ("open('x', 'rb')", []), ("p.open('ab' if x else 'wb')", []),
])  # fmt: skip
def test_text_without_an_encoding_is_named(line, found):
    assert without_encoding(line) == found


@pytest.mark.parametrize(("file", "words"), [("LICENSE", "BSD 3-Clause"), ("LICENSE-text", "CC BY 4.0")])
def test_a_licence_names_its_holder(file, words):
    text = (ROOT / file).read_text(encoding="utf-8")
    assert words in text
    assert "The lossbook authors" in text
