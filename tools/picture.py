"""Take the README's picture, docs/book.png, from the built book: the sliders of the chapter on focal loss."""

import shutil
import sys

from book import ROOT
from playwright.sync_api import sync_playwright

PAGE = ROOT / "_build" / "html" / "chapters" / "imbalance" / "focal.html"


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None or not PAGE.exists():
        sys.exit("the picture needs Chromium (install the package chromium) and the built book (make book)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1200, "height": 720}, color_scheme="light")
        page.goto(PAGE.as_uri())
        page.locator("#fig-focal-sliders").evaluate("figure => figure.scrollIntoView({block: 'center'})")
        page.locator("#fig-focal-sliders input").first.wait_for()
        page.wait_for_timeout(2000)
        page.screenshot(path=ROOT / "docs" / "book.png")
        browser.close()


if __name__ == "__main__":
    main()
