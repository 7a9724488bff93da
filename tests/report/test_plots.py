import numpy as np
import pytest

from neurofm_bids.report.contents import Curve
from neurofm_bids.report.plots import BAR, HEIGHT, WIDTH, Point, plot_bar, plot_curve

CURVE = Curve((20.0, 50.0, 90.0), {5: (1.0, 2.0, 3.0), 50: (2.0, 3.0, 4.0), 95: (3.0, 4.0, 8.0)}, "about")
LABELS = ("age (years)", "ml")


def places(text):
    return np.array([pair.split(",") for pair in text.split()], dtype=float)


@pytest.mark.parametrize(
    ("value", "place"), [(0.0, 0.0), (5.0, BAR / 2), (10.0, BAR), (-3.0, 0.0), (99.0, BAR)]
)
def test_values_lie_on_the_bar(value, place):
    assert plot_bar(value, (0.0, 10.0)).value == place


def test_a_point_on_the_median_lies_on_its_line():
    chart = plot_curve([Point(50.0, 3.0, (2.0, 4.0))], LABELS, CURVE)
    (line,) = chart.lines
    (mark,) = chart.marks
    assert (mark.x, mark.y) == tuple(places(line)[1])
    (band,) = chart.bands
    assert (mark.low, mark.high) == (places(band)[1][1], places(band)[4][1])  # the ends are those of the band


def test_everything_lies_inside_the_chart():
    points = [Point(30.0, 20.0, (-3.0, 22.0)), Point(95.0, 5.0, None, "measured")]
    chart = plot_curve(points, LABELS, CURVE, joined=2)
    drawn = np.vstack([places(text) for text in (*chart.bands, *chart.lines)])
    marks = np.array([[m.x, y] for m in chart.marks for y in (m.low, m.high)])
    for found in (drawn, marks):
        assert (found >= 0).all()
        assert (found <= [WIDTH, HEIGHT]).all()
    assert [mark.kind for mark in chart.marks] == ["predicted", "measured"]
    assert len(chart.lines) == 2


def test_larger_values_are_higher():
    low, high = plot_curve([Point(1.0, 1.0), Point(2.0, 2.0)], LABELS).marks
    assert high.y < low.y
    assert high.x > low.x


def test_sessions_are_named_and_equal_values_have_a_chart():
    chart = plot_curve([Point(0.0, 5.0), Point(1.0, 5.0)], ("", "ml"), names=("a", "b"), joined=2)
    assert [text for _, text in chart.x_ticks] == ["a", "b"]
    assert [place for place, _ in chart.x_ticks] == [mark.x for mark in chart.marks]
