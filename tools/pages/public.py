"""Sphinx extension of this book: what search engines, previews of links and reference managers are told.

Every absolute address follows from `repository.url` in `_config.yml`.
"""

import re
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup
from docutils import nodes

from tools.execute.cache import key_of
from tools.layout import citation, published_url, repository_url
from tools.pages import card

CITATION = citation()
CARD = "_static/card.png"
NOT_FOUND = """<h1>Page not found</h1>
<p>There is no page at this address. It may have moved, or a letter of the address may be missing.</p>
<p>Go to <a href="{site}{first}">the first page</a>, <a href="{site}search.html">search the book</a>,
or <a href="{repository}/issues/new?title=Page%20not%20found">report the link</a> that led you here.</p>"""
SITEMAP = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
{}</urlset>
"""
REDIRECT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8" />
<title>{title}</title>
<meta http-equiv="refresh" content="0; url={page}" />
<link rel="icon" href="_static/favicon.svg" type="image/svg+xml" />
<link rel="canonical" href="{canonical}" />
{metatags}
</head>
<body><p><a href="{page}">{title}</a></p></body>
</html>
"""


def set_addresses(app, config):
    site = published_url(Path(app.srcdir))
    folder = urlsplit(site).path
    config.html_baseurl = config.ogp_site_url = site
    config.ogp_site_name = CITATION["title"]
    config.ogp_image, config.ogp_image_alt = CARD, card.CARD.alt
    config.ogp_social_cards = {"enable": False}
    config.ogp_custom_meta_tags = [
        f'<meta property="og:image:width" content="{card.CARD.size[0]}" />',
        f'<meta property="og:image:height" content="{card.CARD.size[1]}" />',
        '<meta name="twitter:card" content="summary_large_image" />',
    ]
    # Sphinx writes every page anew when this value changes.
    config.lossbook_public_key = key_of("tools/pages/public.py", "tools/pages/card.py", "CITATION.cff")
    config.notfound_urls_prefix = folder
    first = f"{config.root_doc}.html"
    body = NOT_FOUND.format(site=folder, first=first, repository=repository_url(Path(app.srcdir)))
    config.notfound_context = {"title": "Page not found", "body": body}


def description_of(metatags: str, doctree) -> str:
    """What the front matter says (myst: html_meta), else the first words of the page."""
    given = BeautifulSoup(metatags, "html.parser").find("meta", attrs={"name": "description"})
    if given:
        return given["content"]
    first = next(doctree.findall(nodes.paragraph), None)
    text = " ".join(first.astext().split()) if first else ""
    return text if len(text) <= 160 else text[:157].rsplit(" ", 1)[0] + " …"


def citation_tags(title: str, address: str, is_first: bool) -> list[tuple[str, str]]:
    """What Google Scholar and Zotero read; a chapter names the book that it stands in."""
    return [
        ("citation_title", title),
        *(("citation_author", author["name"]) for author in CITATION["authors"]),
        ("citation_publication_date", str(CITATION["date-released"]).replace("-", "/")),
        ("citation_public_url", address),
        ("citation_language", "en"),
        *([] if is_first else [("citation_inbook_title", CITATION["title"])]),
    ]


def describe_page(app, pagename, _templatename, context, doctree):
    """Add to the head of a page what it says about itself; the extension for Open Graph runs after this."""
    metatags = context.get("metatags", "")
    if doctree is None:
        context["metatags"] = metatags + '\n<meta name="robots" content="noindex" />'
        context["pageurl"] = None  # what is not to be listed has no canonical address
        return
    is_first = pagename == app.config.root_doc
    description = description_of(metatags, doctree)
    # The number of a chapter changes when one is put in before it.
    title = re.sub(r"^\d+\. ", "", BeautifulSoup(context["title"], "html.parser").get_text())
    title = CITATION["title"] if is_first else title
    tags = citation_tags(title, context["pageurl"], is_first)
    if 'name="description"' not in metatags:
        tags.insert(0, ("description", description))
    context["metatags"] = "\n".join([metatags, *(f'<meta name="{k}" content="{escape(v)}" />' for k, v in tags), ""])
    context["meta"] = {**(context["meta"] or {}), "og:title": title, "og:description": description}


def add_files(app, exception):
    """The card, the sitemap, and at the address of the book what leads to its first page and previews as that page."""
    if exception or app.builder.format != "html":
        return
    out, site = Path(app.outdir), app.config.html_baseurl
    addresses = [escape(site + app.builder.get_target_uri(name)) for name in sorted(app.env.found_docs)]
    listed = "".join(f"<url><loc>{address}</loc></url>\n" for address in addresses)
    (out / "sitemap.xml").write_text(SITEMAP.format(listed), encoding="utf-8")
    title, subtitle = CITATION["title"].split(": ")
    (out / CARD).write_bytes(card.draw(card.CARD, title, subtitle, "derived, computed, pictured, checked"))
    first = f"{app.config.root_doc}.html"
    head = BeautifulSoup((out / first).read_text(encoding="utf-8"), "html.parser").head
    told = head.find_all("meta", attrs={"name": re.compile("^(description$|twitter:|citation_)")})
    told += head.find_all("meta", property=re.compile("^og:"))
    metatags = "\n".join(map(str, told))
    text = REDIRECT.format(title=escape(CITATION["title"]), page=first, canonical=site + first, metatags=metatags)
    (out / "index.html").write_text(text, encoding="utf-8")


def setup(app):
    for extension in ("sphinxext.opengraph", "notfound.extension"):
        app.setup_extension(extension)
    app.add_config_value("lossbook_public_key", "", "html")
    app.connect("config-inited", set_addresses, priority=10)
    app.connect("html-page-context", describe_page, priority=390)
    app.connect("build-finished", add_files, priority=100)
