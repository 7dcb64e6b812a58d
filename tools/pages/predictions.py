"""Sphinx extension: what answers a prediction is folded until the reader has made one.

Which cells answer one says tools/chapter.py. The fold is a <details>, which opens by keyboard, for a search on the page
and without a script; where scripts are off, and on paper, it stands open.
"""

from docutils import nodes

CLASS = "answers-prediction"


def mark_cells(_app, doctree) -> None:
    """Give the cells that answer a prediction a class, for the page and for the slides."""
    for node in doctree.findall(nodes.container):
        if node.get("nb_element") == "cell_code" and node["cell_metadata"].get("answers_prediction"):
            node["classes"].append(CLASS)


def fold_answers(soup) -> None:
    """Put each output that answers a prediction behind a button."""
    for output in soup.select(f"div.cell.{CLASS} > div.cell_output"):
        fold = output.wrap(soup.new_tag("details", attrs={"class": "hide outcome"}))
        summary = soup.new_tag("summary")
        for verb, kind in (("Show", "folded"), ("Hide", "unfolded")):
            summary.append(soup.new_tag("span", attrs={"class": kind}))
            summary.contents[-1].string = f"{verb} what comes out"
        fold.insert(0, summary)


def setup(app):
    app.connect("doctree-read", mark_cells)
