"""Sphinx extension: `{recorded} 1` shows what the first `gpu` cell of a page printed on a GPU, and where and when."""

import json
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from tools.execute.gpu import record_path

NOTHING = "No recorded result exists yet. On a machine with a GPU, `make test-gpu` makes one."


class Recorded(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        path = record_path(Path(self.env.doc2path(self.env.docname)))
        self.env.note_dependency(str(path))
        note = nodes.note()
        if path.exists():
            result = json.loads(path.read_text(encoding="utf-8"))
            versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
            heading = f"Recorded on {result['date']} on {result['device']}, with {versions}."
            printed = result["cells"][int(self.arguments[0]) - 1]
            note += [nodes.paragraph(text=heading), nodes.literal_block(printed, printed)]
        else:
            self.state.nested_parse(StringList([NOTHING], self.env.docname), self.content_offset, note)
        return [note]


def setup(app):
    app.add_directive("recorded", Recorded)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
