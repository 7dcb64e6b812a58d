"""Print the book as a PDF beside its pages: _build/html/lossbook.pdf.

    python -m tools.shapes.pdf

All pages stand in one document, which Chromium prints twice: the first time says on which page each section lies,
and the contents of the second say so.
"""

import base64
import io
import sys
from html import escape, unescape
from pathlib import Path

import matplotlib as mpl
from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, TextStringObject

from tools.browser import chromium, served
from tools.layout import HTML, parts, published_url
from tools.pages import card
from tools.shapes import article
from tools.shapes.article import AUTHORS, CITATION, FORMULA, SUBTITLE, TITLE, pages

SCALE = 0.85  # of the pictures: their letters are as large as those of the captions
# The letters come with matplotlib, so that the book looks the same on every machine; Korean ones come from it.
FONTS = {
    "Book": {"STIXGeneral": "", "STIXGeneralBol": "b", "STIXGeneralItalic": "i", "STIXGeneralBolIta": "bi"},
    "Book Mono": {"DejaVuSansMono": "", "DejaVuSansMono-Bold": "b", "DejaVuSansMono-Oblique": "i"},
}
# What is wider than the page becomes smaller. Returns how small each became.
FIT = """() => [...document.querySelectorAll("mjx-container, table, dt.sig, pre")].flatMap(box => {
  const inline = box.matches("mjx-container:not([display])");
  const frame = box.closest("td") ? null : box.parentElement;
  if (!frame) return [];
  const number = frame.querySelector(":scope > .eqno")?.getBoundingClientRect().width ?? 0;
  const room = (inline ? box.closest("p, li, dd, dt, figcaption, summary, section") : frame).clientWidth
    - (number ? 2 * number + 16 : 0);
  const drawn = box.querySelector(":scope > mjx-math") ?? box;
  const width = Math.max(drawn.getBoundingClientRect().width, drawn.scrollWidth);
  if (width <= room + 0.5) return [];
  const scale = room / width * 0.99;
  box.style.fontSize = parseFloat(getComputedStyle(box).fontSize) * scale + "px";
  return [[box.tagName.toLowerCase(), scale, box.textContent.slice(0, 40)]];
})"""

# A page cannot take these whole; the pages must not cut them.
TALL = """most => [...document.querySelectorAll(".page :is(img, mjx-container, .cell_input pre)")].filter(
  box => box.getBoundingClientRect().height > most).map(box => box.closest("[id]").id)"""
TALLEST = 940  # pixels; print.css leaves 251 mm


def fonts() -> str:
    folder = Path(mpl.get_data_path(), "fonts", "ttf")
    rules = []
    for family, files in FONTS.items():
        for name, kind in files.items():
            data = base64.b64encode((folder / f"{name}.ttf").read_bytes()).decode()
            weight, slant = "bold" if "b" in kind else "normal", "italic" if "i" in kind else "normal"
            look = f"font-weight: {weight}; font-style: {slant}; src: url(data:font/ttf;base64,{data})"
            rules.append(f'@font-face {{ font-family: "{family}"; {look} }}')
    return "\n".join(rules)


def quoted(text: str) -> str:
    """A text as CSS says it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def running_heads(titles: dict[str, str]) -> str:
    """The name of the part on the left above each page, the title on the right."""
    rules = []
    for caption, part in parts():
        for page in part:
            name = pages()[page]
            left, right = quoted(caption or TITLE), quoted(titles[page])
            heads = f"@top-left {{ content: {left} }} @top-right {{ content: {right} }}"
            rules.append(f"#{name} {{ page: p-{name} }} @page p-{name} {{ {heads} }}")
    return "\n".join(rules)


def printed(page: str) -> tuple[str, str, list[tuple[str, str]]]:
    """The text of a page, its title and its sections; ids and headings as they stand in one book of many pages."""
    names = pages()
    own = names[page]
    soup = article.article(
        page,
        link=lambda name, place: f"#{names[name]}" + f"--{place}" * bool(place),
        picture=lambda source: source.relative_to(HTML).as_posix(),
        folds=False,
    )
    found = article.sections(soup)
    for tag in soup.find_all(id=True):
        tag["id"] = f"{own}--{tag['id']}"
    for name in ("aria-labelledby", "aria-describedby"):
        for tag in soup.find_all(attrs={name: True}):
            del tag[name]
    for image in soup.select("img[width]"):
        image["width"], image["height"] = (round(SCALE * float(image[side])) for side in ("width", "height"))
    soup["id"] = own
    title = article.heading(soup)
    if page != parts()[0][1][0]:
        for level in (4, 3, 2, 1):
            for tag in soup.find_all(f"h{level}"):
                tag.name = f"h{level + 1}"
    text = FORMULA.sub(lambda match: rf"\[{match[2]}\]" if match[1] else rf"\({match[2]}\)", str(soup))
    return text, title, found


def entry(level: str, place: str, title: str) -> str:
    return f'<li class="{level}"><a href="#{place}"><span>{escape(title)}</span><b data-of="{place}"></b></a></li>\n'


def assemble() -> str:
    names, site = pages(), published_url()
    titles, listed, body = {}, "", ""
    for number, (caption, part) in enumerate(parts()):
        if caption:
            listed += entry("part", f"part-{number}", caption)
        for page in part:
            text, titles[page], found = printed(page)
            if caption and page == part[0]:
                text = text.replace("<h2", f'<h1 class="part" id="part-{number}">{escape(caption)}</h1><h2', 1)
            body += text + "\n"
            listed += entry("chapter", names[page], titles[page])
            if caption not in ("", "Reference"):
                listed += "".join(entry("section", f"{names[page]}--{place}", title) for place, title in found)
    sheets = [article.theme("book.css"), article.code_colours(), article.theme("print.css")]
    return article.fill(
        "print.html",
        name=escape(CITATION["title"]),
        title=TITLE,
        subtitle=SUBTITLE,
        authors=escape(AUTHORS),
        version=CITATION["version"],
        released=CITATION["date-released"],
        site=site,
        style="\n".join([fonts(), *sheets, running_heads(titles)]),
        cover=base64.b64encode(card.draw(card.COVER, TITLE, SUBTITLE, AUTHORS)).decode(),
        alt=escape(card.COVER.alt),
        listed=listed,
        body=body,
    )


def places(document: bytes) -> dict[str, int]:
    """On which page each place lies that a link of the document leads to."""
    reader = PdfReader(io.BytesIO(document))
    numbers = {page.indirect_reference.idnum: number for number, page in enumerate(reader.pages, 1)}
    return {
        unescape(name).lstrip("/"): numbers[place.page.idnum] for name, place in reader.named_destinations.items()
    }


def finish(document: bytes, headings: list[str]) -> bytes:
    """Name the author, and mend the outline: Chromium says a heading twice that it has moved to a new page."""
    writer = PdfWriter(io.BytesIO(document), incremental=True)

    def below(item):
        while item is not None:
            item = item.get_object()
            yield item
            yield from below(item.get("/First"))
            item = item.get("/Next")

    for item, title in zip(below(writer.root_object["/Outlines"]["/First"]), headings, strict=True):
        if title not in item["/Title"]:
            raise ValueError(f"the outline says {item['/Title']!r} where the heading is {title!r}")
        item[NameObject("/Title")] = TextStringObject(title)
    writer.add_metadata({"/Author": AUTHORS})
    finished = io.BytesIO()
    writer.write(finished)
    return finished.getvalue()


def make() -> bytes:
    text = assemble()
    with served() as site, chromium() as browser:
        tab = browser.new_page(viewport={"width": 605, "height": 900})  # the width of a line in print.css
        tab.set_default_timeout(600_000)  # a busy machine is no failure
        tab.emulate_media(media="print", color_scheme="light")
        tab.route("**/print.html", lambda route: route.fulfill(body=text, content_type="text/html; charset=utf-8"))
        tab.goto(f"{site}print.html")
        tab.evaluate("() => MathJax.startup.promise.then(() => document.fonts.ready)")
        tab.evaluate("() => Promise.all([...document.images].map(image => image.decode()))")
        for name, scale, words in tab.evaluate(FIT):
            if scale < 0.7:
                print(f"  {name} at {scale:.0%} of its size: {' '.join(words.split())}")
        if tall := tab.evaluate(TALL, TALLEST):
            raise ValueError(f"taller than a page: {tall}")
        tab.evaluate("() => document.querySelectorAll('[data-of]').forEach(number => number.textContent = '000')")
        options = {"prefer_css_page_size": True, "print_background": True, "tagged": True, "outline": True}
        found = places(tab.pdf(**options))
        tab.evaluate(
            """found => document.querySelectorAll("[data-of]").forEach(number =>
              number.textContent = found[number.dataset.of] ?? "")""",
            found,
        )
        document = tab.pdf(**options)
        headings = tab.evaluate("() => [...document.querySelectorAll('h1, h2, h3, h4, h5')].map(tag => tag.innerText)")
    if places(document) != found:
        raise ValueError("the page numbers of the contents moved the pages")
    return finish(document, [" ".join(heading.split()) for heading in headings])


if __name__ == "__main__":
    sys.exit(article.publish("PDF", make))
