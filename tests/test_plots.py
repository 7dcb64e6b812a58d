"""The figure style: colours that every reader can tell apart, and interactive figures in and outside the book."""

import itertools
import json
import math
import re
from pathlib import Path

import altair as alt
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from lossbook import plots

ROOT = Path(__file__).parents[1]
ALT = "A curve that falls from three to zero."
# Machado, Oliveira and Fernandes (2009): what a dichromat sees, as a matrix on linear RGB.
SIGHT = {
    "ordinary": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def linear(rgb):
    rgb = np.asarray(rgb)
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(rgb):
    return float(linear(rgb) @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def lab(linear_rgb):
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear_rgb
    x, y, z = np.cbrt(xyz / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.fixture
def chart():
    gamma = alt.param("gamma", value=2, bind=alt.binding_range(name="γ", min=0, max=5, step=0.1))
    curve = alt.Chart(alt.sequence(0.01, 1, 0.01, as_="p")).mark_line(clip=True, **plots.mark_style("focal"))
    loss = curve.transform_calculate(loss="-pow(1 - datum.p, gamma) * log(datum.p)")
    return loss.encode(x="p:Q", y="loss:Q").properties(width=400, height=200).add_params(gamma)


@pytest.fixture
def in_the_book(monkeypatch):
    monkeypatch.setenv("LOSSBOOK_BOOK", "1")


def page(figure):
    return figure._repr_mimebundle_()["text/html"]


def families() -> list[list[dict[str, str]]]:
    """The styles of Parts I to IV, and those of each chapter of Part V: what can stand in one figure."""
    source = (ROOT / "lossbook" / "plots.py").read_text(encoding="utf-8")
    first, *others = re.split(r"# Part V.*\n", source[source.index("STYLES: ") : source.index("_DASHES")])
    parts = [first, *re.split(r"(?m)^ +# .*$", others[0])]
    names = [re.findall(r'\("([\w-]+)", _', part) for part in parts]
    assert {name for some in names for name in some} == set(plots.STYLES)
    return [[plots.STYLES[name] for name in some] for some in names if some]


def test_no_two_losses_of_a_family_share_colour_and_line():
    assert len(families()) == 11
    for styles in families():
        pairs = [tuple(style.values()) for style in styles]
        assert len(set(pairs)) == len(pairs)


def test_styles_use_the_colours_of_the_style_file():
    with plt.style.context(ROOT / "lossbook" / "lossbook.mplstyle"):
        palette = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    assert {style["color"] for style in plots.STYLES.values()} <= set(palette)


@pytest.mark.parametrize("color", sorted({style["color"] for style in plots.STYLES.values()}))
def test_colour_stands_out_on_the_white_card_in_both_themes(color):
    css = (ROOT / "theme" / "static" / "lossbook.css").read_text(encoding="utf-8")
    dimmed = float(re.search(r"filter: brightness\((0\.\d+)\)", css)[1])
    rgb = np.array(mpl.colors.to_rgb(color))
    for brightness in (1.0, dimmed):
        assert contrast(rgb * brightness, np.ones(3) * brightness) >= 3


@pytest.mark.parametrize("sight", SIGHT)
def test_losses_with_the_same_line_differ_in_colour_to_every_eye(sight):
    for one, other in itertools.chain(*(itertools.combinations(styles, 2) for styles in families())):
        if one["linestyle"] == other["linestyle"]:
            seen = [SIGHT[sight] @ linear(mpl.colors.to_rgb(style["color"])) for style in (one, other)]
            assert np.linalg.norm(np.subtract(*(lab(np.clip(rgb, 0, 1)) for rgb in seen))) >= 20


def test_mark_style_says_the_same_as_the_line_of_matplotlib():
    assert plots.mark_style("focal") == {"color": plots.STYLES["focal"]["color"], "strokeDash": [1, 0]}
    dashes = {name: tuple(plots.mark_style(name)["strokeDash"]) for name in plots.STYLES}
    lines = {(plots.STYLES[name]["linestyle"], dash) for name, dash in dashes.items()}
    assert len(lines) == len({line for line, _ in lines}) == len({dash for _, dash in lines})


def test_unknown_loss_has_no_style():
    with pytest.raises(ValueError, match=r"name must be one of mse, .*; got 'fokal'"):
        plots.mark_style("fokal")


def test_use_style_applies_the_style_file():
    with mpl.rc_context():
        plots.use_style()
        assert mpl.rcParams["figure.facecolor"] == "white"
        assert mpl.rcParams["axes.spines.top"] is False


@pytest.mark.usefixtures("in_the_book")
def test_book_holds_the_chart_and_closes_no_tag_of_the_page(chart):
    html = page(plots.interactive(chart.encode(tooltip=alt.value("</script>")), name="fig-curve", alt=ALT))
    start = '<div class="interactive" id="fig-curve-chart"><script type="application/json">'
    assert html.startswith(start)
    spec = json.loads(html.removeprefix(start).removesuffix("</script></div>"))
    assert spec["encoding"]["tooltip"]["value"] == "</script>"
    assert spec["description"] == ALT
    assert html.count("</script>") == 1


@pytest.mark.usefixtures("in_the_book")
def test_book_gives_the_same_bytes_twice(chart):
    figure = plots.interactive(chart, name="fig-curve", alt=ALT)
    assert page(figure) == page(figure)


@pytest.mark.usefixtures("in_the_book")
def test_book_gets_no_script_and_no_address(chart):
    html = page(plots.interactive(chart, name="fig-curve", alt=ALT))
    assert re.findall(r"<script(?! type=\"application/json\")", html) == []
    assert re.findall(r"(?:src|href)=\"https?:", html) == []


def test_outside_the_book_altair_shows_the_chart(chart, monkeypatch):
    monkeypatch.delenv("LOSSBOOK_BOOK", raising=False)
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)  # Colab need not have it
    figure = plots.interactive(chart, name="fig-curve", alt=ALT)
    with alt.renderers.enable("mimetype"):
        data, _ = figure._repr_mimebundle_()
    assert any(kind.startswith("application/vnd.vegalite") for kind in data)
    assert data["text/plain"] == repr(figure) == "An interactive figure: it answers to its sliders."


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"alt": ""}, ValueError, "alt must be a sentence that says what is to be seen, got ''"),
        ({"alt": "A curve"}, ValueError, "alt must be a sentence"),
        ({"alt": None}, TypeError, "alt must be a string, got NoneType"),
        ({"name": "curve"}, ValueError, "name must look like 'fig-focal-curve', got 'curve'"),
        ({"name": "fig-Curve one"}, ValueError, "name must look like"),
        ({"name": 3}, TypeError, "name must be a string, got int"),
        ({"drag": {"z": "gamma"}}, ValueError, "drag must name sliders for x, y, nearest, left or rest, got"),
        ({"drag": {"x": ["gamma", "1 - d"]}}, ValueError, "drag must name sliders of the chart, which has none called"),
        ({"play": {"delta": "Go"}}, ValueError, "play must name sliders of the chart, which has none called delta"),
        ({"fold": {"More": ["b"]}}, ValueError, "fold must name sliders of the chart, which has none called b"),
    ],
)
def test_name_alt_drag_and_play_are_checked(arguments, error, message, chart):
    with pytest.raises(error, match=message):
        plots.interactive(chart, **{"name": "fig-curve", "alt": ALT, **arguments})


def test_name_and_alt_are_required(chart):
    with pytest.raises(TypeError, match="alt"):
        plots.interactive(chart, name="fig-curve")


def test_only_a_chart_is_interactive():
    with pytest.raises(TypeError, match="chart must be an Altair chart, got Figure"):
        plots.interactive(mpl.figure.Figure(), name="fig-curve", alt=ALT)


def test_a_band_draws_the_mean_and_either_all_runs_or_the_interval_of_the_mean():
    runs = np.array([[1.0, 0.0], [2.0, 4.0], [6.0, 2.0]])
    mean = np.array([3.0, 2.0])
    half = 4.302652729911275 * runs.std(axis=0, ddof=1) / math.sqrt(3)  # Student's t, 2 degrees of freedom, 97.5 %
    for level, low, high in ((None, [1, 0], [6, 4]), (0.95, mean - half, mean + half)):
        _, ax = plt.subplots()
        assert plots.band(ax, (0, 1), runs, level=level, label="loss", **plots.STYLES["focal"]) is ax
        np.testing.assert_allclose(ax.lines[0].get_ydata(), [3, 2])
        edges = ax.collections[0].get_paths()[0].vertices
        for x in (0, 1):
            ends = edges[edges[:, 0] == x, 1]
            np.testing.assert_allclose([ends.min(), ends.max()], [low[x], high[x]])
        plt.close()


def test_a_band_refuses_runs_in_columns():
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match=r"runs must have shape \(runs, 3\), one value for each x, got \(3, 5\)"):
        plots.band(ax, (0, 1, 2), np.zeros((3, 5)))
    plt.close()


def test_a_slider_is_bound_to_its_range_and_stands_where_it_is_told():
    chart = alt.Chart(alt.sequence(3)).mark_point().encode(x="data:Q")
    chart = chart.add_params(plots.slider("gamma", "γ", low=-1, high=5, step=0.1, value=2))
    (param,) = chart.to_dict()["params"]
    assert param == {
        "name": "gamma", "value": 2, "bind": {"input": "range", "name": "γ ", "min": -1, "max": 5, "step": 0.1}
    }


@pytest.mark.parametrize(
    "wrong", [{"value": 6}, {"value": -2}, {"low": 5, "value": 5}, {"step": 0}, {"low": 7}], ids=str
)
def test_a_slider_refuses_a_range_that_does_not_hold_its_value(wrong):
    options = {"low": -1, "high": 5, "step": 0.1, "value": 2} | wrong
    with pytest.raises(ValueError, match=f"value must lie from low to high.*and value {options['value']}"):
        plots.slider("gamma", "γ", **options)
