"""What the built pages tell search engines, previews of links and reference managers, and the page not found."""

import functools
import http.server
import os
import re
import subprocess
import threading
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import numpy as np
import pytest
import yaml
from bs4 import BeautifulSoup
from matplotlib.image import imread

from tools.layout import HTML, ROOT, chapters, published_url
from tools.pages import card
from tools.setup.address import follow, main, mismatch

PAGES = [chapter.relative_to(ROOT).with_suffix(".html").as_posix() for chapter in chapters()]
UNLISTED = ["404.html", "search.html", "genindex.html"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
SITE = published_url()
every_page = pytest.mark.parametrize("page", PAGES)
of_the_book = pytest.mark.usefixtures("built_book")


@functools.cache
def head(page: str) -> BeautifulSoup:
    text, end, _ = (HTML / page).read_text(encoding="utf-8").partition("</head>")
    return BeautifulSoup(text + end, "html.parser").head


def told(page: str, name: str) -> list[str]:
    """What a page says under a name; Open Graph calls its names properties."""
    attribute = "property" if name.startswith("og:") else "name"
    return [meta["content"] for meta in head(page).find_all("meta", attrs={attribute: name})]


def heading(page: str) -> str:
    """The title of a page as its source has it, without the number that the book gives it."""
    source = (ROOT / page).with_suffix(".md").read_text(encoding="utf-8")
    return re.search(r"(?m)^# (.+)$", source)[1].replace("`", "")


@every_page
@of_the_book
def test_a_page_has_one_title_and_one_description_of_its_own(page):
    assert len(head(page).find_all("title")) == 1
    (description,) = told(page, "description")
    assert 40 <= len(description) <= 200
    assert told(page, "og:description") == [description]
    assert [other for other in PAGES if other != page and told(other, "description") == [description]] == []


@every_page
@of_the_book
def test_a_page_has_one_canonical_address_and_the_preview_leads_there(page):
    canonical = [link["href"] for link in head(page).find_all("link", rel="canonical")]
    assert canonical == [SITE + page]
    assert told(page, "og:url") == told(page, "citation_public_url") == canonical


@every_page
@of_the_book
def test_a_preview_shows_the_title_and_a_picture_that_lies_in_the_book(page):
    title = CITATION["title"] if page == PAGES[0] else heading(page)
    assert told(page, "og:title") == [title]
    assert told(page, "og:site_name") == [CITATION["title"]]
    assert told(page, "twitter:card") == ["summary_large_image"]
    (picture,) = told(page, "og:image")
    assert picture.startswith(SITE)
    height, width, _ = imread(HTML / picture.removeprefix(SITE)).shape
    assert (width, height) == card.CARD.size
    assert [told(page, "og:image:width"), told(page, "og:image:height")] == [[str(width)], [str(height)]]
    assert len(told(page, "og:image:alt")[0].split()) > 5


@every_page
@of_the_book
def test_a_reference_manager_finds_what_it_needs(page):
    is_first = page == PAGES[0]
    assert told(page, "citation_title") == [CITATION["title"] if is_first else heading(page)]
    assert told(page, "citation_author") == [author["name"] for author in CITATION["authors"]]
    (date,) = told(page, "citation_publication_date")
    assert re.fullmatch(r"\d{4}/\d\d/\d\d", date)
    assert date.split("/") == str(CITATION["date-released"]).split("-")
    assert told(page, "citation_inbook_title") == ([] if is_first else [CITATION["title"]])


@every_page
@of_the_book
def test_a_page_has_an_icon_and_may_be_listed(page):
    icon = urljoin(f"/{page}", head(page).find("link", rel="icon")["href"])
    assert (HTML / urlsplit(icon).path.lstrip("/")).is_file()
    assert told(page, "robots") == []


@pytest.mark.parametrize("page", UNLISTED)
@of_the_book
def test_what_is_no_page_of_the_book_is_not_listed(page):
    assert told(page, "robots") == ["noindex"]
    assert head(page).find("link", rel="canonical") is None


@of_the_book
def test_the_sitemap_lists_the_pages_of_the_book_and_nothing_else():
    root = ET.parse(HTML / "sitemap.xml").getroot()
    space = {"": "http://www.sitemaps.org/schemas/sitemap/0.9"}
    assert root.tag == f"{{{space['']}}}urlset"
    assert sorted(place.text for place in root.findall("url/loc", space)) == sorted(SITE + page for page in PAGES)


@of_the_book
def test_the_address_of_the_book_leads_to_its_first_page_and_previews_as_that_page():
    redirect = head("index.html").find("meta", attrs={"http-equiv": "refresh"})["content"]
    assert redirect == f"0; url={PAGES[0]}"
    assert head("index.html").find("link", rel="canonical")["href"] == SITE + PAGES[0]
    for name in ("description", "og:title", "og:image", "og:description", "twitter:card", "citation_title"):
        assert told("index.html", name) == told(PAGES[0], name) != []


@of_the_book
def test_the_card_shows_the_losses_of_lossbook_on_its_white_ground():
    margin = np.linspace(-2.0, 2.0, 9)
    curves = card.curves(margin)
    np.testing.assert_allclose(curves["binary-cross-entropy"], np.log1p(np.exp(-margin)))
    np.testing.assert_allclose(curves["hinge"], np.maximum(0, 1 - margin))
    assert len(curves) == 6
    colors = np.unique(imread(HTML / "_static" / "card.png")[..., :3].reshape(-1, 3).round(2), axis=0)
    assert [1.0, 1.0, 1.0] in colors.tolist()
    assert len(colors) > 50, "white, blue, and many shades of the curves"


# The page not found: a server shows it at the address that was asked for, however deep that is.


@of_the_book
def test_the_page_not_found_has_no_address_that_depends_on_where_it_is_shown():
    page = BeautifulSoup((HTML / "404.html").read_text(encoding="utf-8"), "html.parser")
    addresses = [tag.get("href") or tag.get("src") for tag in page.find_all(["a", "link", "script", "img"])]
    addresses += [form["action"] for form in page.find_all("form")]
    folder = urlsplit(SITE).path
    kinds = (folder, "https://github.com/", "#")
    assert [address for address in addresses if address and not address.startswith(kinds)] == []
    ours = [address.removeprefix(folder) for address in addresses if address and address.startswith(folder)]
    assert [name for name in ours if name and not (HTML / re.split("[?#]", name)[0]).is_file()] == []
    assert f"{folder}{PAGES[0]}" in addresses
    assert page.select_one("article h1").get_text() == "Page not found"


@pytest.fixture(scope="module")
def pages_server():
    """The book as GitHub Pages serves it: in the folder of its repository, with 404.html for what is not there."""
    folder = urlsplit(SITE).path

    class Pages(http.server.SimpleHTTPRequestHandler):
        def send_head(self):
            name = urlsplit(self.path).path.removeprefix(folder)
            if self.path.startswith(folder) and (HTML / name).is_file():
                self.path = f"/{name}"
                return super().send_head()
            body = (HTML / "404.html").read_bytes()
            self.send_response(404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return None

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Pages, directory=HTML)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}{folder}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("address", ["no-such-page.html", "chapters/imbalance/deeper/still/no-such-page"])
@of_the_book
def test_the_page_not_found_looks_like_the_book_and_leads_back_from_any_depth(address, pages_server, browser):
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    failed, noise = [], []
    tab.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    tab.on("pageerror", lambda error: noise.append(str(error)))
    tab.goto(pages_server + address)
    tab.wait_for_function("document.documentElement.dataset.ready")
    assert failed == [pages_server + address]
    assert noise == []
    assert tab.evaluate("getComputedStyle(document.querySelector('.bd-sidebar-primary')).display") != "none"
    assert len(tab.query_selector_all(".bd-sidebar-primary nav a")) >= len(PAGES) - 1
    tab.click("article >> text=the first page")
    tab.wait_for_url(pages_server + PAGES[0])
    tab.close()


# Whose book it is: one line, which everything else follows.


@pytest.fixture
def moved(tmp_path):
    """The files that name the repository, after somebody has changed that one line."""
    for name in ("_config.yml", "README.md", "CITATION.cff"):
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    config = tmp_path / "_config.yml"
    url = yaml.safe_load(config.read_text(encoding="utf-8"))["repository"]["url"]
    text = config.read_text(encoding="utf-8").replace(url, "https://github.com/Some-One/loss-book")
    config.write_text(text, encoding="utf-8")
    return tmp_path


def test_readme_and_citation_follow_the_configuration(moved):
    old = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"].removeprefix("https://github.com/")
    assert follow(moved) == ["README.md", "CITATION.cff"]
    for name in ("README.md", "CITATION.cff"):
        before, after = (ROOT / name).read_text(encoding="utf-8"), (moved / name).read_text(encoding="utf-8")
        assert after.count("Some-One/loss-book") == before.count(old) > 0
        assert old not in after
        assert SITE not in after
    assert follow(moved) == []


def test_readme_and_citation_of_this_book_are_in_step():
    assert follow(ROOT) == []


def test_a_deployment_from_another_repository_stops_and_says_what_to_change(moved):
    assert mismatch("some-one/Loss-Book", moved) is None, "GitHub does not tell upper and lower case apart"
    message = mismatch("reader/fork", moved)
    assert "set repository.url in _config.yml to https://github.com/reader/fork" in message
    assert "this repository is reader/fork" in message
    assert "make book" in message


def test_the_deployment_of_this_book_stops_elsewhere_and_goes_on_here(capsys):
    ours = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"].removeprefix("https://github.com/")
    assert main(["--check", ours]) == 0
    assert SITE in capsys.readouterr().out
    assert main(["--check", "reader/fork"]) == 1
    assert "reader/fork" in capsys.readouterr().out
    assert main(["--chek"]) == 2


# Binder.


def test_binder_installs_the_package_at_the_pinned_versions():
    binder = ROOT / ".binder"
    runtime = (binder / "runtime.txt").read_text(encoding="utf-8").strip()
    assert re.fullmatch(r"python-3\.1[123]", runtime)
    build = binder / "postBuild"
    assert os.access(build, os.X_OK)
    assert "--constraint requirements.txt ." in build.read_text(encoding="utf-8")
    assert subprocess.run(["bash", "-n", build], check=False).returncode == 0


def test_the_readme_leads_to_binder():
    links = re.findall(r"https://mybinder\.org/v2/gh/\S+?(?=\))", (ROOT / "README.md").read_text(encoding="utf-8"))
    name = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]
    owner = name["url"].removeprefix("https://github.com/")
    assert links == [f"https://mybinder.org/v2/gh/{owner}/{name['branch']}?urlpath=lab/tree/chapters"]
    assert (ROOT / Path(urlsplit(links[0]).query).name).is_dir()
