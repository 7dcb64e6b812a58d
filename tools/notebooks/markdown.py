"""Write what Sphinx has resolved as Markdown without MyST."""

import html
import re
import textwrap

from docutils import nodes

LISTS = nodes.bullet_list | nodes.enumerated_list


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


class Markdown:
    """Writes the nodes of one page. A method node_NAME returns the Markdown of docutils' node NAME."""

    def __init__(self, builder, docname: str):
        self.env, self.docname = builder.env, docname
        self.site, self.page = builder.site, builder.get_target_uri(docname)
        self.level = 0  # of the section

    def caption_of(self, node, kind: str = "figure") -> str:
        caption = next((child for child in node.children if isinstance(child, nodes.caption | nodes.title)), None)
        if caption is None:
            return ""
        shown = number(self.env, self.docname, kind, node)
        label = f"**{self.env.config.numfig_format[kind] % shown}.** " if shown else ""
        return label + " ".join(self.inline(caption).split())

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

    def node_block_quote(self, node) -> str:
        return quote(self.blocks(node.children))

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
        if node.get("literal_block"):
            return "\n\n".join(reversed([self.blocks([child]) for child in node.children]))
        return self.blocks(node.children)

    node_compound = node_glossary = node_compact_paragraph = node_container

    def node_caption(self, node) -> str:
        return f"*{self.inline(node)}*"

    def node_section(self, node) -> str:
        return self.blocks(node.children)
