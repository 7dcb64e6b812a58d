"""Where everything lies and what it is called: the root, the pages of the book, and their addresses on the web."""

import functools
import re
from pathlib import Path
from urllib.parse import urlsplit

import yaml

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
NO_LOSSES = {"data", "exercises", "metrics", "plots", "scenes", "stored", "training"}  # modules of lossbook that help


@functools.cache
def understood(text: str):
    """What YAML says; a build asks for the table of contents hundreds of times."""
    return yaml.safe_load(text)


def repository_url(root: Path = ROOT) -> str:
    """The address of the repository, from the one place where it stands."""
    url = (understood((root / "_config.yml").read_text(encoding="utf-8")).get("repository") or {}).get("url") or ""
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", url):
        raise ValueError(f"_config.yml: repository.url is {url!r}, expected https://github.com/OWNER/REPOSITORY")
    return url


def published_url(root: Path = ROOT) -> str:
    """The address of the published book, which follows from the repository's; it ends with a slash."""
    return site_of(repository_url(root))


def site_of(url: str) -> str:
    """Where GitHub Pages publishes a repository."""
    owner, name = urlsplit(url).path.strip("/").split("/")
    site = f"{owner.lower()}.github.io"
    return f"https://{site}/" if name.lower() == site else f"https://{site}/{name}/"


def citation() -> dict:
    """What CITATION.cff says of the book: its title, its authors, its date."""
    return yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def parts(*, below: bool = True) -> list[tuple[str, list[str]]]:
    """The parts of the book and the names of their pages; the first part is the front page, and has no name.

    A page may have pages below it, as the one on the API has one for each module.
    """
    contents = understood((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    found = [("", [contents["root"]])]
    for part in contents.get("parts", []):
        pages = [(page, *page.get("sections", [])) if below else (page,) for page in part["chapters"]]
        found.append((part.get("caption", ""), [page["file"] for family in pages for page in family]))
    return found


def chapters() -> list[Path]:
    """The source of every page, in the order of the book."""
    return [ROOT / f"{page}.md" for _, part in parts() for page in part]


def address_of(chapter: Path) -> str:
    """The address of a page inside the book, such as chapters/imbalance/focal.html."""
    return chapter.relative_to(ROOT).with_suffix(".html").as_posix()


def has_notebook(page: Path) -> bool:
    """Whether a page has a notebook for Colab: it has code, and does not say `colab: false`."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return "```{code-cell}" in text and "\ncolab: false\n" not in text


def executable_chapters() -> list[Path]:
    """The chapters that hold code cells."""
    return [chapter for chapter in chapters() if "```{code-cell}" in chapter.read_text(encoding="utf-8")]


def notebook_chapters() -> list[Path]:
    return [chapter for chapter in chapters() if has_notebook(chapter)]
