import re

import numpy as np
import pytest

from neurofm_bids.records.statistics import Components
from neurofm_bids.report.charts import FAR, MANY
from neurofm_bids.report.group_figures import Strip, plot_components, plot_strips
from tests.report.drawing import texts


def strip(values, title="Metric", unit="1", **options):
    values = np.array(values, dtype=float)
    return Strip(title, unit, values, tuple(f"scan {i}" for i in range(values.size)), **options)


@pytest.mark.parametrize("count", [1, 2, 8, 9, 13])
def test_every_column_is_drawn(count):
    drawing = plot_strips([strip(range(12), f"Metric {i}") for i in range(count)], "n", "d")
    assert {f"Metric {i}" for i in range(count)} <= set(texts(drawing))
    height = float(re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', drawing)[1])
    assert height == pytest.approx(1.45 * 72 * ((count + 1) // 2))


@pytest.mark.parametrize(("unit", "title"), [("ml", "Metric (ml)"), ("1", "Metric"), ("arbitrary", "Metric")])
def test_titles_have_units_where_there_are_any(unit, title):
    assert title in texts(plot_strips([strip([1, 2], unit=unit)], "n", "d"))


def test_outliers_are_red_and_named():
    drawing = plot_strips([strip([1, 2, 3, 90], far=[3, 0])], "n", "d")
    assert [text for text in texts(drawing) if text.startswith("scan")] == ["scan 3", "scan 0"]
    assert FAR in drawing
    assert FAR not in plot_strips([strip([1, 2, 3, 90])], "n", "d")


@pytest.mark.parametrize("values", [[], [3], [3, 3], [3] * 12, [0] * 12, [1, 2, 3], [1e6, 2e6], range(2000)])
def test_odd_distributions_are_drawn(values):
    drawing = plot_strips([strip(values)], "n", "d")
    assert ("not measured" in texts(drawing)) is (len(values) == 0)
    assert ("data:image/png" in drawing) is (len(values) > MANY)


@pytest.mark.parametrize(
    ("ages", "shown"),
    [
        ([20, 30, 40], ["chronological age (years)"]),
        ([20, np.nan, 40], ["chronological age (years)", "age not known"]),
        ([np.nan] * 3, []),
    ],
)
def test_components_are_coloured_by_age_where_it_is_known(ages, shown):
    components = Components(np.array([[0.0, 1], [2, 3], [4, -5]]), (0.61, 0.2), (2,))
    drawing = plot_components(components, np.array(ages, dtype=float), ["a", "b", "farthest"], "d")
    labels = texts(drawing)
    assert {"component 1 (61% of variance)", "component 2 (20% of variance)"} <= set(labels)
    assert [text for text in ("chronological age (years)", "age not known") if text in labels] == shown
    assert "farthest" in labels
    assert "a" not in labels
