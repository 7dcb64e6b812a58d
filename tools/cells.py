"""Write a resolved page as the cells of a plain notebook: Markdown without MyST, code as it stands, text outputs."""

import html
import re
import textwrap

import nbformat
from docutils import nodes

NOT_RUN = {"gpu", "skip-execution"}  # such a cell runs neither in the build nor under nbval
FOLDED_CODE = {"hide-cell", "hide-input", "remove-input"}  # folded on the page, so folded here
FOLDED_OUTPUT = {"hide-cell", "hide-output", "remove-output"}
LISTS = nodes.bullet_list | nodes.enumerated_list
TEXT = "text/plain"
CONTINUED = ", continued"


def number(env, docname: str, kind: str, node) -> str:
    """The number that the page shows for a figure, table, exercise or equation."""
    ids = env.toc_fignumbers.get(docname, {}).get(kind, {})
    return next((".".join(map(str, ids[key])) for key in node["ids"] if key in ids), "")


def display_math(latex: str, tag: str = "") -> str:
    """One line of display math that MathJax and KaTeX both set."""
    latex = re.sub(r"\\label\{[^}]*\}|(?<!\\)%.*", "", latex).strip()
    inner = {"equation": "", "align": "aligned", "flalign": "aligned", "eqnarray": "aligned", "alignat": "alignedat"}
    outer = re.fullmatch(r"\\begin\{(\w+)\*?\}(.*)\\end\{\1\*?\}", latex, re.DOTALL)
    if outer and outer[1] in {*inner, "gather", "multline"}:
        name, latex = inner.get(outer[1], "gathered"), outer[2].strip()
    else:
        bare = re.sub(r"\\begin\{(\w+\*?)\}.*\\end\{\1\}", "", latex, flags=re.DOTALL)
        several = re.search(r"\n\s*\n", latex)
        latex = re.sub(r"\n\s*\n", r" \\\\ ", latex)
        name = "aligned" if several or "\\\\" in bare or re.search(r"(?<!\\)&", bare) else ""
    if name:
        latex = f"\\begin{{{name}}} {latex} \\end{{{name}}}"
    end = f"\\tag{{{tag}}} $$" if tag else "$$"
    return " ".join(f"$$ {latex} {end}".split())


def tags_of(cell) -> list[str]:
    return list(cell.metadata.get("tags", []))


def is_cell(node) -> bool:
    return isinstance(node, nodes.Element) and node.get("nb_element") == "cell_code"


def fence(code: str, language: str) -> str:
    language = "python" if language.startswith(("ipython", "python")) else re.sub(r"default|none|\W", "", language)
    ticks = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", code)), 3)
    return f"{ticks}{language}\n{code.rstrip()}\n{ticks}"


def escape(text: str) -> str:
    """Text that Markdown shows as it stands."""
    text = re.sub(r"([\\`*$])", r"\\\1", text)
    text = re.sub(r"(?<!\w)_|_(?!\w)", r"\_", text)
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)


def quote(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def folded(summary: str, text: str) -> str:
    return f"<details>\n<summary>{summary}</summary>\n\n{text}\n\n</details>"


class Writer:
    """Writes one resolved page as cells. A method node_NAME returns the Markdown of docutils' node NAME."""

    def __init__(self, builder, docname: str, executed):
        self.env, self.docname, self.executed = builder.env, docname, executed
        self.site, self.page = builder.site, builder.get_target_uri(docname)
        self.cells, self.parts = [], []
        self.level, self.next_code, self.runs = 0, 0, 0
        self.lead = self.solution = ""

    # cells

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
            if cell.cell_type == "code" and "remove-cell" not in tags_of(cell):
                self.code_cell(cell)

    def code_cell(self, cell) -> None:
        if self.solution and not self.parts and not self.solution.endswith(CONTINUED):
            self.parts = ["The next cell holds it."]
        self.flush()
        tags = tags_of(cell)
        if NOT_RUN & {*tags} and "nbval-skip" not in tags:
            tags.append("nbval-skip")
        metadata = {"tags": tags} if tags else {}
        # `jupyter` folds in JupyterLab and Notebook 7, `cellView` and `collapsed` in Colab.
        hidden = {}
        if self.solution or FOLDED_CODE & {*tags}:
            hidden["source_hidden"], metadata["cellView"] = True, "form"
        if self.solution or FOLDED_OUTPUT & {*tags}:
            hidden["outputs_hidden"] = metadata["collapsed"] = True
        if hidden:
            metadata["jupyter"] = hidden
        count = None
        if "nbval-skip" not in tags:
            self.runs += 1
            count = self.runs + 1  # the install line is the first
        # What is timed or trained differs from run to run, and the notebook must not.
        stable = count and "nbval-ignore-output" not in tags_of(cell)
        outputs = text_outputs(cell.outputs, count) if stable else []
        new = nbformat.v4.new_code_cell(cell.source, metadata=metadata, outputs=outputs, execution_count=count)
        self.cells.append(new)

    # pages

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
            elif kind == "container" and not child.get("design_component") and not child.get("literal_block"):
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

    def caption_of(self, node, kind: str = "figure") -> str:
        caption = next((child for child in node.children if isinstance(child, nodes.caption | nodes.title)), None)
        if caption is None:
            return ""
        shown = number(self.env, self.docname, kind, node)
        label = f"**{self.env.config.numfig_format[kind] % shown}.** " if shown else ""
        return label + " ".join(self.inline(caption).split())

    # nodes

    def write(self, node) -> str:
        if is_cell(node):
            raise ValueError(f"{self.docname}: a code cell inside a {type(node.parent).__name__} cannot be a cell")
        for cls in type(node).__mro__:
            method = getattr(self, f"node_{cls.__name__}", None)
            if method:
                return method(node)
        text = node.astext()[:60]
        raise ValueError(f"{self.docname}: the notebook has no form for <{type(node).__name__}>: {text!r}")

    def inline(self, node) -> str:
        return "".join(self.write(child) for child in node.children)

    def blocks(self, children) -> str:
        return "\n\n".join(filter(None, (self.write(child) for child in children)))

    def node_Text(self, node) -> str:
        return escape(node.astext())

    def node_title(self, node) -> str:
        return f"{'#' * max(self.level, 1)} {' '.join(self.inline(node).split())}"

    def node_rubric(self, node) -> str:
        return f"**{self.inline(node)}**"

    def node_paragraph(self, node) -> str:
        text = self.inline(node).strip()
        return re.sub(r"(?m)^(\s*\d*)([-+.)](?=\s|$)|#+(?=\s|$)|>|[-=]+$)", r"\1\\\2", text)

    def wrap(self, node, mark: str, end: str = "") -> str:
        text = self.inline(node)
        return f"{mark}{text.strip()}{end or mark}" if text.strip() else text

    def node_emphasis(self, node) -> str:
        return self.wrap(node, "*")

    def node_strong(self, node) -> str:
        return self.wrap(node, "**")

    def node_superscript(self, node) -> str:
        return self.wrap(node, "<sup>", "</sup>")

    def node_subscript(self, node) -> str:
        return self.wrap(node, "<sub>", "</sub>")

    def node_abbreviation(self, node) -> str:
        return self.wrap(node, f'<abbr title="{html.escape(node["explanation"])}">', "</abbr>")

    def node_literal(self, node) -> str:
        text = " ".join(node.astext().split("\n"))
        ticks = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
        pad = " " if text.startswith("`") or text.endswith("`") else ""
        return f"{ticks}{pad}{text}{pad}{ticks}"

    def node_inline(self, node) -> str:
        return self.inline(node)

    def node_math(self, node) -> str:
        text = " ".join(node.astext().split())
        if isinstance(node.parent.parent, nodes.entry):
            text = text.replace(r"\|", r"\Vert ").replace("|", r"\vert ")
        return f"${text}$"

    def node_math_block(self, node) -> str:
        return display_math(node.astext(), number(self.env, self.docname, "displaymath", node))

    def node_reference(self, node) -> str:
        text = " ".join(self.inline(node).split())
        uri = node.get("refuri") or f"{self.page}#{node['refid']}"
        return f"[{text}]({self.page + uri if uri.startswith('#') else uri})"

    node_number_reference = node_reference

    def node_download_reference(self, node) -> str:
        if "refuri" in node:
            return self.node_reference(node)
        return f"[{self.inline(node)}]({self.site}_downloads/{node['filename']})"

    def node_footnote_reference(self, node) -> str:
        return f"<sup>{node.astext()}</sup>"

    def node_footnote(self, node) -> str:
        label, *rest = node.children
        return f"<sup>{label.astext()}</sup> {self.blocks(rest)}"

    def node_image(self, node) -> str:
        uri = node["uri"]
        if uri in self.env.images:
            uri = f"{self.site}_images/{self.env.images[uri][1]}"
        return f"![{' '.join(node.get('alt', '').split())}]({uri})"

    def node_figure(self, node) -> str:
        rest = [child for child in node.children if not isinstance(child, nodes.caption)]
        return "\n\n".join(filter(None, [self.blocks(rest), self.caption_of(node)]))

    def node_legend(self, node) -> str:
        return self.blocks(node.children)

    def node_literal_block(self, node) -> str:
        return fence(node.astext(), node.get("language", ""))

    def node_doctest_block(self, node) -> str:
        return fence(node.astext(), "python")

    def node_block_quote(self, node) -> str:
        return quote(self.blocks(node.children))

    def node_attribution(self, node) -> str:
        return f"— {self.inline(node)}"

    def node_transition(self, node) -> str:
        return "" if "footnotes" in node["classes"] else "---"

    def node_raw(self, node) -> str:
        return "" if "html" not in node["format"] or "<script" in node.astext() else node.astext()

    def list_of(self, node, marks) -> str:
        items = [
            f"{mark} {textwrap.indent(self.item(item), ' ' * (len(mark) + 1)).lstrip()}"
            for mark, item in zip(marks, node.children, strict=False)
        ]
        tight = all(sum(not isinstance(part, LISTS) for part in item) < 2 for item in node)
        return ("\n" if tight else "\n\n").join(items)

    def item(self, item) -> str:
        first, *rest = item.children or [nodes.paragraph()]
        text = self.blocks([first])
        for child in rest:
            text += ("\n" if isinstance(child, LISTS) and len(rest) == 1 else "\n\n") + self.blocks([child])
        return text

    def node_bullet_list(self, node) -> str:
        return self.list_of(node, ["-"] * len(node))

    def node_enumerated_list(self, node) -> str:
        start = node.get("start", 1)
        return self.list_of(node, [f"{index}." for index in range(start, start + len(node))])

    def node_definition_list(self, node) -> str:
        return self.blocks(node.children)

    def node_definition_list_item(self, node) -> str:
        terms = [self.inline(child) for child in node if isinstance(child, nodes.term)]
        meanings = [self.blocks(child.children) for child in node if isinstance(child, nodes.definition)]
        text = "\n\n".join(meanings)
        return f"- **{', '.join(terms)}**: {textwrap.indent(text, '  ').lstrip()}"

    def node_index(self, _node) -> str:
        return ""

    node_target = node_comment = node_meta = node_tabular_col_spec = node_toctree = node_colspec = node_index

    def node_line_block(self, node) -> str:
        return "  \n".join(self.write(child) for child in node.children)

    def node_line(self, node) -> str:
        return self.inline(node)

    def node_table(self, node) -> str:
        group = next(child for child in node.children if isinstance(child, nodes.tgroup))
        rows = [[self.entry(entry) for entry in row.children] for row in group.findall(nodes.row)]
        if not any(isinstance(child, nodes.thead) for child in group):
            rows.insert(0, [""] * len(rows[0]))
        last = [entry["classes"] for row in group.findall(nodes.row) for entry in row.children][-len(rows[0]) :]
        rule = ["--:" if "text-right" in classes else ":-:" if "text-center" in classes else "---" for classes in last]
        lines = [f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:])]
        return "\n\n".join(filter(None, [self.caption_of(node, "table"), "\n".join(lines)]))

    def entry(self, entry) -> str:
        text = "<br>".join(self.blocks([child]) for child in entry.children)
        return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))

    def node_Admonition(self, node) -> str:
        title, body = type(node).__name__.capitalize(), node.children
        if body and isinstance(body[0], nodes.title):
            title, body = self.inline(body[0]), body[1:]
        if "dropdown" in node["classes"]:
            return folded(f"<b>{html.escape(title)}</b>", self.blocks(body))
        return quote(f"**{title}**\n\n{self.blocks(body)}")

    node_topic = node_sidebar = node_Admonition

    def node_container(self, node) -> str:
        component, body = node.get("design_component"), node.children
        if component == "dropdown":
            title = self.inline(body[0]) if node.get("has_title") else "More"
            return folded(f"<b>{title}</b>", self.blocks(body[1:] if node.get("has_title") else body))
        if node.get("literal_block"):
            return "\n\n".join(reversed([self.blocks([child]) for child in body]))
        return self.blocks(body)

    node_compound = node_glossary = node_compact_paragraph = node_container

    def node_caption(self, node) -> str:
        return f"*{self.inline(node)}*"

    def node_section(self, node) -> str:
        return self.blocks(node.children)


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
