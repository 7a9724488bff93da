import re

import numpy as np
import pytest

from neurofm_bids.report.charts import FAR, MANY, MAX_NAMES, new_figure, plot_agreement, svg
from tests.report.drawing import texts


def agreement(n=10, far=(), **options):
    known = np.linspace(20, 80, n)
    names = [f"scan {place}" for place in range(n)]
    return plot_agreement(known, known + 5, names, ("known (kg)", "predicted (kg)"), "n", "A figure", far)


def test_agreement_names_axes_and_the_line_of_identity():
    shown = texts(agreement())
    assert {"known (kg)", "predicted (kg)", "identity"} <= set(shown)
    assert not any(text.startswith("scan") for text in shown)


def test_agreement_names_the_first_of_the_far_scans():
    shown = texts(agreement(far=[7, 2, 5, 1]))
    assert [text for text in shown if text.startswith("scan")] == ["scan 7", "scan 2", "scan 5"]
    assert MAX_NAMES == 3
    assert FAR not in agreement()
    assert FAR in agreement(far=[1])


def test_small_values_fill_the_figure():
    known = np.array([0.5, 0.7, 0.9])
    for margin, inside in ((2.0, False), (0.05, True)):
        drawing = plot_agreement(known, known, "abc", ("x", "y"), "n", "A figure", margin=margin)
        ticks = [float(text) for text in texts(drawing) if re.fullmatch(r"\d+\.\d+", text)]
        assert (max(ticks) < 1.0) is inside


@pytest.mark.parametrize(("n", "bitmap"), [(10, False), (MANY + 1, True)])
def test_many_points_are_one_bitmap(n, bitmap):
    assert ("data:image/png" in agreement(n)) is bitmap


def test_equal_data_give_equal_figures():
    assert agreement(far=[1]) == agreement(far=[1])


def test_svg_stands_within_a_page():
    with new_figure((1, 1)) as figure:
        figure.add_subplot().plot([0, 1])
        drawing = svg(figure, "own", 'what "it" shows <here>')
    assert drawing.startswith('<svg role="img" aria-label="what &quot;it&quot; shows &lt;here&gt;"')
    assert not re.search(r"http|<metadata|<\?xml|<!DOCTYPE", drawing)
    ids = re.findall(r'\bid="([^"]*)"', drawing)
    assert ids
    assert all(name.startswith("own-") for name in ids)
