"""Sphinx extension: `{recorded} 1` shows what the first `gpu` cell of a page printed on a GPU, and where and when.

Nothing is shown until there is a record (`make test-gpu`).
"""

import json
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from tools.execute.gpu import record_path


class Recorded(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        path = record_path(Path(self.env.doc2path(self.env.docname)))
        self.env.note_dependency(str(path))
        if not path.exists():
            return []
        result = json.loads(path.read_text(encoding="utf-8"))
        versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
        heading = f"Recorded on {result['date']} on {result['device']}, with {versions}."
        printed = result["cells"][int(self.arguments[0]) - 1]
        return [nodes.note("", nodes.paragraph(text=heading), nodes.literal_block(printed, printed))]


def setup(app):
    app.add_directive("recorded", Recorded)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
