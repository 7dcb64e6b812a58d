"""The tables and the figure of the two reference pages, made from results/*.json."""

import math
import re

from stamp import code, read

ORDER = ["lossbook", "formula as written", "torch", "torchvision", "kornia", "kornia 0.8.2", "MONAI", "SMP", "timm",
         "mmpretrain", "keras", "optax", "torchmetrics", "balanced-loss", "imbalanced-losses", "scipy", "torch, chunks",
         "torch, linear", "PML", "geomloss", "geomloss, scaling 0.9", "geomloss, scaling 0.99", "POT", "POT, log",
         "rlax"]
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


FAMILIES = {
    "overlap": ["Dice", "Jaccard", "Tversky, 0.3 and 0.7", "focal Tversky, gamma 0.75", "Lovász hinge",
                "Lovász-softmax"],
    "boxes and clouds": ["GIoU", "DIoU", "CIoU", "Chamfer", "EMD", "Sinkhorn loss, regularisation 0.3",
                         "Sinkhorn divergence, blur 0.5"],
    "embeddings and ranking": ["triplet", "NT-Xent, temperature 0.05", "SupCon, temperature 0.05",
                               "angular, 40 degrees", "ArcFace", "ListNet", "Bradley-Terry"],
    "sequences, generation and policies": ["CTC", "Gaussian KL divergence", "non-saturating generator",
                                           "PPO, clip 0.2", "policy gradient", "entropy"],
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
    name, losses = ("accuracy", GROUPS[group]) if group in GROUPS else ("accuracy_families", FAMILIES[group])
    found = [row for row in read(name)["rows"] if row["dtype"] == dtype]
    for loss in losses:
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
    asked = read("behaviours")["rows"] + read("behaviours_families")["rows"]
    found = [row for row in asked if row["family"] == family]
    libraries = [library for library in ORDER if any(library in row["cells"] for row in found)]
    rows, notes, calls = [], [], []
    for row in found:
        cells = []
        for library in libraries:
            cell = row["cells"].get(library, {"answer": "–", "agrees": None})
            answer = plain(re.sub(r"\w+Error", "error", cell["answer"]))
            cells.append(f"**{answer}** *{cell['severity']}*" if cell["agrees"] is False else answer)
        threads = "".join(f" {thread(address)}" for address in row["issues"])
        rows.append([row["question"] + threads, plain(row["exact"] or "convention"), *cells])
        notes += [f"- {row['question']}: {row['note']}"] if row["note"] else []
        calls += [f"- {row['question']}", *(f"  - {name}: `{cell['call']}`" for name, cell in row["cells"].items())]
    folded = ["```{admonition} The calls behind these answers", ":class: dropdown", *calls, "```"]
    return "\n".join([table(["Question", "Right answer", *libraries], rows), "", *notes, "", *folded])


def speed(name="speed", modes=("eager", "compiled")):
    """Return the table of times and of peak memory: a row per task and library."""
    rows, tasks = [], {}
    for row in read(name)["rows"]:
        size = " × ".join(f"{int(side):,}" for side in row["size"].split(" x "))
        tasks.setdefault((row["task"], size), {}).setdefault(row["library"], {})[row["mode"]] = row
    for (task, size), libraries in tasks.items():
        fastest = {mode: min(found[mode]["minimum_ms"] for library, found in libraries.items()
                             if library != "floor" and mode in found) for mode in modes}
        for library in sorted(libraries, key=["floor", *ORDER].index):
            times, peaks = [], []
            for mode in modes:
                row = libraries[library].get(mode)
                best = row and library != "floor" and row["minimum_ms"] == fastest[mode]
                cell = f"{row['minimum_ms']:.2f} ({row['median_ms']:.2f})" if row else "–"
                times.append(f"**{cell}**" if best else cell)
                peaks.append(f"{row['peak_mib']:.0f}" if row and row["peak_mib"] is not None else "–")
            rows.append([f"{task}, {size}" if library == "floor" else "", library, *times, " · ".join(peaks)])
    heads = [f"{mode.capitalize()}, ms" for mode in modes]
    return table(["Loss and size", "Library", *heads, f"Peak, MiB, {' · '.join(modes)}"], rows)


def passes():
    """Return the table of where the time goes: what takes a tenth of it or more, and how many operations there are."""
    rows, tasks = [], {}
    for row in read("speed")["passes"]:
        tasks.setdefault((row["task"], row["library"]), []).append(row)
    for (task, library), found in tasks.items():
        found.sort(key=lambda row: -row["ms"])
        total = sum(row["ms"] for row in found)
        large = [row for row in found if row["ms"] > total / 10]
        named = ", ".join(f"`{row['operation']}` {row['ms']:.2f}" for row in large)
        rest = f"others {total - sum(row['ms'] for row in large):.2f}"
        many = sum(row["runs"] for row in found if row["ms"] > total / 50)
        rows.append([task if library == "lossbook" else "", library, f"{many:.0f}", f"{named}, {rest}"])
    return table(["Loss", "Library", "Operations", "Milliseconds in"], rows)


def speed_families():
    """Return the table of the losses beyond classification: time, peak memory and error, side by side."""
    rows, last, found = [], None, {}
    for row in read("speed_families")["rows"]:
        size = " × ".join(f"{n:,}" for n in row["size"])
        found.setdefault((row["task"], size), {})[row["library"], row["mode"]] = row
    for (task, size), entries in found.items():
        fastest = {mode: min(row["minimum_ms"] for (_, own), row in entries.items() if own == mode)
                   for _, mode in entries}
        for library in sorted({library for library, _ in entries}, key=ORDER.index):
            modes = [entries.get((library, mode)) for mode in ("eager", "compiled")]
            cells = [timed(row, row and row["minimum_ms"] == fastest[row["mode"]]) for row in modes]
            peaks = " / ".join(f"{row['peak_mib']:,.0f}" for row in modes if row)
            rows.append([f"{task}, {size}" if task != last else "", library, *cells, peaks,
                         short(modes[0]["value_error"]), short(modes[0]["gradient_error"])])
            last = task
    return table(["Loss and size", "Library", "Eager, ms", "Compiled, ms", "Peak, MiB", "Error, value",
                  "Error, gradient"], rows)


def timed(row, best):
    """Return the two times of a row, in bold if it is the fastest; a dash if there is none."""
    cell = f"{row['minimum_ms']:,.1f} ({row['median_ms']:,.1f})" if row else "–"
    return f"**{cell}**" if best else cell


def source(name, *more, command="make bench", script=""):
    """Return the sentence that says when, where and with what a result was measured; ``more`` are further scripts."""
    data = read(name)
    versions = ", ".join(f"{library} {version}" for library, version in data["versions"].items())
    same = data["code"] == code(script or name, *more)
    state = "the present code of lossbook" if same else f"an earlier state of lossbook (`{command}` measures again)"
    busy = " **The machine was busy, so these times are rough.**" if data.get("load_before", 0) > 0.5 else ""
    where = f"one {data.get('gpu', data['processor'])}"
    return f"Measured on {data['date']}, on {where}, with {state}. Versions: {versions}.{busy}"


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


def draw_growth(axes):
    """Draw time (left) and peak memory (right) against the size of what grows, one task in each row of axes."""
    tasks = {}
    for row in read("growth_families")["rows"]:
        tasks.setdefault((row["task"], row["unit"]), {}).setdefault(row["library"], []).append(row)
    for ((task, unit), libraries), pair in zip(tasks.items(), axes, strict=True):
        for ax, what in zip(pair, ("minimum_ms", "peak_mib"), strict=True):
            for library in sorted(libraries, key=ORDER.index):
                style = {"lossbook": "C0-", "torch": "C1--", "torch, chunks": "C3-."}.get(library, "C2:")
                sizes = list(zip(*(row["size"] for row in libraries[library]), strict=True))
                n = next(side for side in sizes if len(set(side)) > 1)  # the side that grows
                ax.plot(n, [row[what] for row in libraries[library]], style, marker="o", label=library)
            ax.set(xscale="log", yscale="log", xlabel=unit)
            ax.set_xticks(n, [f"{count:,}" for count in n])
            ax.minorticks_off()
        pair[0].set_ylabel(f"{task},\nms")
        pair[1].set_ylabel("MiB")
        pair[0].legend(loc="best", handlelength=1.4, borderaxespad=0.2)
