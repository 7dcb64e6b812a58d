"""The built book in Chromium, for the tests of the pages and for their pictures."""

import contextlib
import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from tools.layout import HTML, address_of, chapters

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
PAGES = [address_of(chapter) for chapter in chapters()]


def missing() -> str | None:
    if CHROMIUM is None:
        return "no Chromium on this machine: install the package chromium"
    if not (HTML / PAGES[0]).exists():
        return f"no book in {HTML}: run make book"
    return None


class Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections, as real servers do

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(folder: Path = HTML) -> Iterator[str]:
    """The address of a folder, served from this machine."""
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def chromium() -> Iterator:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def wait_until_ready(tab) -> None:
    tab.wait_for_function("document.documentElement.dataset.ready")


def open_page(tab, address: str) -> None:
    tab.goto(address)
    wait_until_ready(tab)


def open_figures(tab) -> list:
    """Bring each interactive figure into view and wait until it answers."""
    figures = tab.query_selector_all(".interactive")
    for figure in figures:
        figure.scroll_into_view_if_needed()
        tab.wait_for_function("figure => figure.dataset.ready", arg=figure)
    return figures


def load_pictures(tab) -> None:
    """Load and decode every picture, so that a screenshot finds it drawn."""
    tab.evaluate(
        """async () => {
          for (const image of document.images) Object.assign(image, {loading: "eager", decoding: "sync"});
          await Promise.allSettled([...document.images].map(image => image.decode()));
        }"""
    )
    tab.wait_for_function("[...document.images].every(image => image.complete)")


def use_theme(tab, theme: str) -> None:
    tab.emulate_media(color_scheme=theme, reduced_motion="reduce")
    tab.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=theme)
