"""The tables and the figure of the two reference pages, made from results/*.json."""

import math
import re

from stamp import code, read

ORDER = ["lossbook", "formula as written", "torch", "torchvision", "kornia", "kornia 0.8.2", "MONAI", "SMP", "timm",
         "mmpretrain", "keras", "optax", "torchmetrics", "balanced-loss", "scipy"]
GROUPS = {
    "regression": ["mean squared error", "root mean squared error of one number", "mean absolute error",
                   "Huber, delta 2", "smooth L1, beta 2", "log-cosh", "quantile, 0.9"],
    "labels": ["binary cross-entropy from logits", "binary cross-entropy from probabilities", "hinge",
               "squared hinge"],
    "classes": ["cross-entropy", "cross-entropy, label smoothing 0.1"],
    "imbalance": ["focal, gamma 2", "focal, gamma 0.5", "softmax focal, gamma 2", "softmax focal, gamma 0.5",
                  "asymmetric", "asymmetric, one label per image", "hard-example mining that keeps all",
                  "logit adjustment, counts 500, 50, 5", "LDAM, counts 500, 50, 5",
                  "distribution-balanced, counts 500, 50, 5 of 1000"],
}


def table(head, rows):
    """Return a Markdown table; a bar inside a cell is written out."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "&#124;") for cell in line) + " |" for line in lines)


def plain(text):
    """Return text with its numbers as 9.4e-7, not 9.4e-07."""
    return re.sub(r"e([+-])0+(\d)", r"e\1\2", text)


def short(number):
    """Return a number with two digits; NaN stands for: no number here was finite."""
    if math.isnan(number):
        return "–"
    return plain(f"{number:.2g}")


def marked(count):
    """Return a count, in bold when it is not 0."""
    return f"**{count}**" if count else "0"


def accuracy(group, dtype="float32"):
    """Return the table of errors for one group of losses."""
    rows, last = [], None
    found = [row for row in read("accuracy")["rows"] if row["dtype"] == dtype]
    for loss in GROUPS[group]:
        for row in sorted((r for r in found if r["loss"] == loss), key=lambda r: ORDER.index(r["library"])):
            value, gradient = row["value"], row["gradient"]
            rows.append([
                f"{loss}; {row['points']} values" if loss != last else "", row["library"],
                short(value["worst"]), short(gradient["worst"]), marked(value["outside"]), marked(gradient["outside"]),
                marked(value["not_finite"] + gradient["not_finite"]), marked(gradient["dead"]),
            ])
            last = loss
    return table(["Loss", "Library", "Largest error, value", "Largest error, gradient", "Values outside",
                  "Gradients outside", "Not finite", "Dead"], rows)


def thread(address):
    """Return a link to an issue or a pull request, named as its project names it."""
    *_, name, _, number = address.split("/")
    name = {"pytorch-image-models": "timm", "segmentation_models.pytorch": "SMP"}.get(name, name)
    return f"[{name}#{number}]({address})"


def behaviours(family):
    """Return one family: a table with a row per question and a column per library, notes, and the calls, folded."""
    found = [row for row in read("behaviours")["rows"] if row["family"] == family]
    libraries = [library for library in ORDER if any(library in row["cells"] for row in found)]
    rows, notes, calls = [], [], []
    for row in found:
        cells = []
        for library in libraries:
            cell = row["cells"].get(library, {"answer": "–", "agrees": None})
            answer = plain(re.sub(r"\w+Error", "error", cell["answer"]))
            cells.append(f"**{answer}**" if cell["agrees"] is False else answer)
        threads = "".join(f" {thread(address)}" for address in row["issues"])
        rows.append([row["question"] + threads, plain(row["exact"] or "convention"), *cells])
        notes += [f"- {row['question']}: {row['note']}"] if row["note"] else []
        calls += [f"- {row['question']}", *(f"  - {name}: `{cell['call']}`" for name, cell in row["cells"].items())]
    folded = ["```{admonition} The calls behind these answers", ":class: dropdown", *calls, "```"]
    return "\n".join([table(["Question", "Right answer", *libraries], rows), "", *notes, "", *folded])


def speed():
    """Return the table of times: a row per task and library, in milliseconds."""
    rows, tasks = [], {}
    for row in read("speed")["rows"]:
        size = " × ".join(f"{int(side):,}" for side in row["size"].split(" x "))
        tasks.setdefault((row["task"], size), {}).setdefault(row["library"], {})[row["mode"]] = row
    for (task, size), libraries in tasks.items():
        fastest = {mode: min(modes[mode]["minimum_ms"] for library, modes in libraries.items()
                             if library != "floor" and mode in modes) for mode in ("eager", "compiled")}
        for library in sorted(libraries, key=["floor", *ORDER].index):
            cells = []
            for mode in ("eager", "compiled"):
                row = libraries[library].get(mode)
                best = row and library != "floor" and row["minimum_ms"] == fastest[mode]
                cell = f"{row['minimum_ms']:.2f} ({row['median_ms']:.2f})" if row else "–"
                cells.append(f"**{cell}**" if best else cell)
            rows.append([f"{task}, {size}" if library == "floor" else "", library, *cells])
    return table(["Loss and size", "Library", "Eager, ms", "Compiled, ms"], rows)


def source(name):
    """Return the sentence that says when, where and with what a result was measured."""
    data = read(name)
    versions = ", ".join(f"{library} {version}" for library, version in data["versions"].items())
    same = data["code"] == code(name)
    state = "the present code of lossbook" if same else "an earlier state of lossbook (`make bench` measures again)"
    busy = " **The machine was busy, so these times are rough.**" if data.get("load_before", 0) > 0.5 else ""
    return f"Measured on {data['date']}, on one {data['processor']}, with {state}. Versions: {versions}.{busy}"


def draw(axes):
    """Draw the relative error of three forms of binary cross-entropy against the logit, one target per axes."""
    curves = read("accuracy")["curves"]
    for ax, target in zip(axes, (0, 1), strict=True):
        for library, style in (("formula as written", ":"), ("torch", "--"), ("lossbook", "-")):
            errors = [math.nan if e is None else max(e, 1e-9) for e in curves[f"{library}, target {target}"]]
            ax.plot(curves["z"], errors, style, label=library)
        ax.set(yscale="log", ylim=(5e-10, 5), ylabel=f"relative error, target {target}")
    axes[-1].set(xlabel="logit")
    axes[1].legend(loc="upper left")
