"""Sphinx extension: the marks of the slides, comments in the source of a chapter, become classes on the page.

    % slide                    a new slide begins with the block after the mark, under the heading of its section
    % slide: Another heading   the same, under another heading
    % also                     the block joins the slide
    % then                     it joins, and appears at the next click: first the question, then this
    % then 2/5                 of a paragraph of five lines, the first two; another number of lines is an error
    % verdict 2/5: 1           the second line of five says why statement 1 of "True or false?" is false

The page and the notebook do not show them. tools/shapes/slides.py makes the decks of the pages.
"""

from docutils import nodes

from tools.chapter import SLIDE_MARK


def mark_blocks(_app, doctree) -> None:
    """Move each mark to the block that follows it, as a class; the title of a slide is found in the source."""
    for comment in list(doctree.findall(nodes.comment)):
        match = SLIDE_MARK.fullmatch(comment.astext().strip())
        if not match:
            continue
        siblings = comment.parent.children
        following = siblings[siblings.index(comment) + 1 :]
        block = next((node for node in following if not isinstance(node, nodes.comment | nodes.target)), None)
        if block is None or isinstance(block, nodes.section):
            raise ValueError(f"{doctree['source']}: no block of the section follows the mark '% {comment.astext()}'")
        if match[2] and not int(match[2]) <= int(match[3]) == lines_of(block):
            raise ValueError(f"{doctree['source']}: the mark '% {comment.astext()}' counts {match[3]} lines, "
                             f"the paragraph has {lines_of(block)}: {block.astext()[:40]}")
        if match[1] == "verdict":
            block["classes"] += ["verdict", f"verdict-{match[4]}-{match[2]}"]
        else:
            block["classes"] += [match[1], *([f"sentences-{match[2]}"] if match[2] else [])]
        comment.parent.remove(comment)


def lines_of(block) -> int:
    """The lines of the source that a paragraph takes; 0 for any other block."""
    if not isinstance(block, nodes.paragraph):
        return 0
    return 1 + sum(child.astext().count("\n") for child in block.children if isinstance(child, nodes.Text))


def setup(app):
    app.connect("doctree-read", mark_blocks)
