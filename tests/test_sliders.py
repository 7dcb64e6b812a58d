"""The still pictures of the figures with sliders, which the page shows until its script has loaded."""

import re
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import altair as alt
import pytest
from bs4 import BeautifulSoup

from lossbook import plots
from tools.pages import sliders

ALT = 'A curve that falls from "three" to zero.'


@pytest.fixture
def holder(monkeypatch):
    """What a cell of the book hands over."""
    monkeypatch.setenv("LOSSBOOK_BOOK", "1")
    gamma = alt.param("gamma", value=2, bind=alt.binding_range(name="γ", min=0, max=5, step=0.1))
    unbound = alt.param("shift", value=1)
    curve = alt.Chart(alt.sequence(0.01, 1, 0.01, as_="p")).mark_line(clip=True, **plots.mark_style("focal"))
    loss = curve.transform_calculate(loss="-pow(1 - datum.p, gamma) * log(datum.p)").encode(x="p:Q", y="loss:Q")
    chart = loss.properties(width=400, height=200).add_params(gamma, unbound)
    return plots.interactive(chart, name="fig-curve", alt=ALT)._repr_mimebundle_()["text/html"]


def drawn(holder, tmp_path):
    """The holder with its still, and the text of the still's file."""
    soup = BeautifulSoup(holder, "html.parser")
    app = SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(imagedir="_images"))
    sliders.draw_stills(soup, app, "../")
    image = soup.select_one("div.interactive > img")
    return soup.div, image, (tmp_path / image["src"].removeprefix("../")).read_text(encoding="utf-8")


def test_a_still_has_its_size_its_words_and_a_place_for_each_slider(holder, tmp_path):
    box, image, text = drawn(holder, tmp_path)
    picture = ET.fromstring(text)
    assert (picture.get("width"), picture.get("height")) == (str(image["width"]), str(image["height"]))
    assert image["width"] > 400
    assert image["width"] != image["height"]
    assert image["alt"] == ALT
    assert box["style"] == f"--width: {image['width']}px; --height: {image['height']}px; --sliders: 1"


def test_a_chart_that_is_drawn_again_gives_the_same_bytes(holder, tmp_path):
    first, second = (str(drawn(holder, tmp_path)[0]) for _ in range(2))
    assert first == second
    assert len(list((tmp_path / "_images").iterdir())) == 1


def test_a_still_has_no_name_of_its_own_and_no_long_numbers(holder, tmp_path):
    _, _, text = drawn(holder, tmp_path)
    assert re.findall(r'aria-|role="|class="|\d\.\d{3}', text) == []
    assert 'id="clip0"' in text
