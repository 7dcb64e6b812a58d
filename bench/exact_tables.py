"""The table and the pictures of the error in ulp, made from results/exact.json."""

import math

from stamp import read
from tables import ORDER, plain, table

STYLES = {"lossbook": "C0-", "torch": "C1--", "optax": "C2:", "keras": "C3-.", "SMP": "C4--", "torchvision": "C1--",
          "kornia": "C5:", "MONAI": "C3-.", "formula as written": "k:"}
FLOOR = 0.1  # what is smaller is drawn here
NAMES = {"formula as written": "as written"}


def rows(loss=None):
    """Return the rows of one loss, or of all."""
    found = [row for row in read("exact")["rows"] if "rows" not in row and loss in (None, row["loss"])]
    return sorted(found, key=lambda row: ORDER.index(row["library"])) if loss else found


def ulps(part):
    """Return the largest error of a value or gradient: three digits, and from a thousand on a power of ten."""
    worst = part["worst"]
    return f"{worst:.2f}" if worst < 100 else plain(f"{worst:.0e}")


def at(part):
    """Return the place of an error."""
    return plain(f" at {part['at']:.3g}") if part["worst"] > 0 else ""


def share(part, *keys):
    """Return how many of the results that are normal numbers are wrong in these ways, in per cent."""
    percent = 100 * sum(part[key] for key in keys) / max(part["normal"], 1)
    return f"**{plain(f'{percent:.2g}')} %**" if percent else "0"


def beside():
    """Return the table of the losses that others have, too."""
    lines, last = [], None
    for name in dict.fromkeys(row["loss"] for row in rows()):
        found = rows(name)
        for row in found if len(found) > 1 else ():
            value, gradient = row["value"], row["gradient"]
            lines.append([name if name != last else "", row["library"], ulps(value), ulps(gradient),
                          share(value, "lost"), share(gradient, "lost"),
                          share({key: value[key] + gradient[key] for key in ("not_finite", "normal")}, "not_finite")])
            last = name
    return table(["Loss", "Library", "Value, ulp", "Gradient, ulp", "Values wiped out", "Gradients wiped out",
                  "Not finite"], lines)


def ours():
    """Return the table of lossbook: the largest errors and where they lie, the means, and what stands out of order."""
    lines = []
    for row in (row for row in rows() if row["library"] == "lossbook"):
        parts = row["value"], row["gradient"]
        order = [f"{100 * part['falls'] / part['normal']:.2g} % by {part['deepest']:.0f}" if part["falls"] else "0"
                 for part in parts]
        lines.append([row["loss"], *(f"{part['worst']:.2f}{at(part)}" for part in parts),
                      *(f"{part['mean']:.2f}" for part in parts), *order,
                      f"{max(row['float16, gradient'], row['bfloat16, gradient']):.2f}"])
    return table(["Loss", "Value, ulp", "Gradient, ulp", "Mean, value", "Mean, gradient", "Out of order, value",
                  "Out of order, gradient", "Gradient in half precision"], lines)


def on_gpu():
    """Return the table of the largest errors on a GPU beside those on the processor: of lossbook, and of torch."""
    near = {(row["loss"], row["library"]): row for row in rows()}
    lines, last = [], None
    for row in read("exact_gpu")["rows"]:
        other = near[row["loss"], row["library"]]
        cells = [ulps(found[part]) for part in ("value", "gradient") for found in (other, row)]
        both = {key: row["value"][key] + row["gradient"][key] for key in ("lost", "not_finite", "normal")}
        lines.append([row["loss"] if row["loss"] != last else "", row["library"], *cells,
                      share(both, "lost"), share(both, "not_finite")])
        last = row["loss"]
    return table(["Loss", "Library", "Value, processor", "Value, GPU", "Gradient, processor", "Gradient, GPU",
                  "Wiped out, GPU", "Not finite, GPU"], lines)


def walked():
    """Return the sentences that say which numbers were computed."""
    own = [row for row in rows() if row["library"] == "lossbook"]
    whole = [row["loss"] for row in own if not row["sampled"]]
    if len(whole) == len(own):
        return "All numbers were computed for every loss."
    partly = [row["loss"] for row in own if row["sampled_core"]]
    but = f" but {'; '.join(partly)}" if partly else ""
    rest = f"all for {'; '.join(whole)}, and one in 256 for the others" if whole else "one in 256"
    return (f"Between $2^{{-30}}$ and $2^9$ in size, where the losses bend, all numbers were computed for every "
            f"loss{but}; beyond these bounds, {rest}.")


def along(row, part):
    """Return the worst error of each binade, by its place on the line: the sign, and the power of two."""
    errors = [worst for worst, times in row[part]["along"] for _ in range(times)]
    signs = [-1, 1] if len(errors) > 255 else [1]
    places = [(sign, which - 127) for sign in signs for which in range(len(errors) // len(signs))]
    return dict(zip(places, errors, strict=True))


def draw(axes, loss, libraries):
    """Draw the worst error of each binade over the line of floats: of the value (top) and of the gradient."""
    found = {row["library"]: row for row in rows(loss) if row["library"] in libraries}
    sides = {sign for sign, _ in along(found["lossbook"], "value")}
    for ax, part in zip(axes, ("value", "gradient"), strict=True):
        for library in sorted(found, key=libraries.index):
            errors = along(found[library], part)
            for sign in sides:
                powers = range(-30, 9)
                x = [sign * (power + 31) for power in powers]
                y = [max(errors.get((sign, power), math.nan), FLOOR) for power in powers]
                label = NAMES.get(library, library) if sign == max(sides) else None
                ax.step(x, y, STYLES[library], where="mid", label=label)
        goal = found["lossbook"]["goal"]
        ax.axhline(goal, color="0.6", linewidth=0.8)
        ax.set(yscale="log", ylim=(FLOOR / 1.5, 4e8), ylabel=f"{part}, ulp")
        ticks = [sign * (power + 31) for sign in sides for power in (-20, -10, 0, 7)]
        names = [f"{'−' if sign < 0 else ''}{f'$2^{{{power}}}$' if power else 1}" for sign in sides
                 for power in (-20, -10, 0, 7)]
        ax.set_xticks([*ticks, 0], [*names, "0"])
    axes[0].legend(loc="upper center" if len(sides) == 2 else "upper right")
    axes[-1].set_xlabel("logit" if len(sides) == 2 else "error")
