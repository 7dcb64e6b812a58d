"""Write a resolved page as the cells of a plain notebook: text as Markdown, code as it stands, outputs as text."""

import html
import re

import nbformat
from docutils import nodes

from tools.chapter import tags
from tools.notebooks.markdown import Markdown, escape, folded, is_cell, number

NOT_RUN = {"gpu", "skip-execution"}  # such a cell runs neither in the build nor under nbval
FOLDED_CODE = {"hide-cell", "hide-input", "remove-input"}  # folded on the page, so folded here
FOLDED_OUTPUT = {"hide-cell", "hide-output", "remove-output"}
TEXT = "text/plain"
CONTINUED = ", continued"


class Writer(Markdown):
    """Writes one page as cells, with the code and the outputs of the notebook that was executed."""

    def __init__(self, builder, docname: str, executed):
        super().__init__(builder, docname)
        self.executed = executed
        self.cells, self.parts = [], []
        self.next_code, self.runs = 0, 0
        self.lead = self.solution = ""

    def cells_of(self, doctree) -> list:
        self.flow(doctree)
        self.emit_code_until(len(self.executed.cells))
        self.flush()
        return self.cells

    def flush(self) -> None:
        parts, self.parts = [part for part in self.parts if part], []
        if self.lead:
            prose = parts and not re.match(r"[-|>#!<~]|\d+\.|`{3}|\$\$", parts[0])
            parts[:1] = [f"{self.lead} {parts[0]}"] if prose else [self.lead, *parts[:1]]
            self.lead = ""
        text = "\n\n".join(parts)
        if text and self.solution:
            text = folded(f"<b>{html.escape(self.solution)}</b>", text)
            self.solution = self.solution.removesuffix(CONTINUED) + CONTINUED
        if text:
            self.cells.append(nbformat.v4.new_markdown_cell(text))

    def emit_code_until(self, stop: int) -> None:
        """Write the code cells before `stop` that stand in the notebook but not on the page."""
        while self.next_code < stop:
            cell = self.executed.cells[self.next_code]
            self.next_code += 1
            if cell.cell_type == "code" and "remove-cell" not in tags(cell):
                self.code_cell(cell)

    def code_cell(self, cell) -> None:
        answers = cell.metadata.get("answers_prediction", False)
        if self.solution and not self.parts and not self.solution.endswith(CONTINUED):
            self.parts = ["The next cell holds it."]
        self.flush()
        marks = tags(cell)
        if NOT_RUN & {*marks} and "nbval-skip" not in marks:
            marks.append("nbval-skip")
        metadata = {"tags": marks} if marks else {}
        # `jupyter` folds in JupyterLab and Notebook 7, `cellView` and `collapsed` in Colab.
        hidden = {}
        if self.solution or FOLDED_CODE & {*marks}:
            hidden["source_hidden"], metadata["cellView"] = True, "form"
        if self.solution or FOLDED_OUTPUT & {*marks} or answers:
            hidden["outputs_hidden"] = metadata["collapsed"] = True
        if hidden:
            metadata["jupyter"] = hidden
        if answers:
            metadata["lossbook"] = {"answers_prediction": True}
        count = None
        if "nbval-skip" not in marks:
            self.runs += 1
            count = self.runs + 1  # the install line is the first
        # What is timed or trained differs from run to run, and the notebook must not.
        stable = count and "nbval-ignore-output" not in marks
        outputs = text_outputs(cell.outputs, count) if stable else []
        new = nbformat.v4.new_code_cell(cell.source, metadata=metadata, outputs=outputs, execution_count=count)
        self.cells.append(new)

    def flow(self, node) -> None:
        for child in node.children:
            kind = type(child).__name__
            if isinstance(child, nodes.section):
                self.section(child)
            elif is_cell(child):
                self.emit_code_until(child["cell_index"] + 1)
                for figure in child.findall(nodes.figure):
                    alt = (child["cell_metadata"].get("mystnb", {}).get("image") or {}).get("alt", "")
                    self.parts += [self.caption_of(figure), alt and f"*In words:* {escape(' '.join(alt.split()))}"]
                self.flush()
            elif kind.startswith("exercise_") or kind == "solution_node":
                self.exercise(child) if kind.startswith("exercise_") else self.solved(child)
            elif kind == "container" and not child.get("literal_block"):
                self.flow(child)
            else:
                self.parts.append(self.write(child))

    def section(self, node) -> None:
        self.level += 1
        if not self.solution and not any("-content" in name for name in node["ids"]):
            self.flush()
        self.flow(node)
        self.level -= 1

    def exercise(self, node) -> None:
        self.flush()
        title, *rest = node.children
        name = (title.get("title") or title.astext()).replace("%s", number(self.env, self.docname, "exercise", node))
        name += self.inline(title) if title.get("title") else ""
        self.lead = f"**{name}.**"
        self.flow(nodes.container("", *rest))
        self.flush()

    def solved(self, node) -> None:
        self.flush()
        title, *rest = node.children
        self.solution = " ".join(title.astext().split())
        self.flow(nodes.container("", *rest))
        self.flush()
        self.solution = ""


def text_outputs(outputs: list, count: int) -> list:
    """The text of the outputs. What was printed is one output, however the kernel happened to cut it."""
    kept = []
    for output in filter(None, (text_only(output, count) for output in outputs)):
        if kept and output.output_type == kept[-1].output_type == "stream" and output.name == kept[-1].name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


def text_only(output, count: int):
    """The output with text alone, or None when nothing of it is text."""
    kind = output.output_type
    if kind == "stream":
        return nbformat.v4.new_output(kind, name=output.name, text=output.text)
    if kind == "error":
        line = f"{output.ename}: {output.evalue}"
        return nbformat.v4.new_output(kind, ename=output.ename, evalue=output.evalue, traceback=[line])
    data = {TEXT: output.data[TEXT]} if TEXT in output.data else {}
    extra = {"execution_count": count} if kind == "execute_result" else {}
    return nbformat.v4.new_output(kind, data=data, **extra) if data else None
