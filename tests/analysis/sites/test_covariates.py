import numpy as np
import pandas as pd
import pytest

from neurofm_bids.analysis.sites.covariates import (
    Preserved,
    coded,
    coding,
    column_of,
    known_rows,
    text_column,
)
from neurofm_bids.errors import NeuroFMError

TABLE = pd.DataFrame(
    {
        "age": [20.0, 30.0, np.nan, 50.0],
        "sex": ["F", None, "M", "M"],
        "grade": ["1", "2", "n/a", "4"],
        "empty": ["n/a"] * 4,
    }
)


def test_numbers_and_texts_are_told_apart():
    found = coding(TABLE, ["age", "sex", "grade"])
    assert found[0] == Preserved("age", range=(20.0, 50.0))
    assert found[1] == Preserved("sex", ("F", "M"))
    assert found[2] == Preserved("grade", range=(1.0, 4.0))
    values = coded(TABLE, found)
    assert values[0].tolist() == [20, 0, 1]
    assert values[3].tolist() == [50, 1, 4]
    assert known_rows(TABLE, found).tolist() == [True, False, False, True]
    assert coded(TABLE, ()).shape == (4, 0)


def test_a_level_that_the_fit_lacks_is_not_known():
    one = [Preserved("sex", ("F", "M"))]
    assert known_rows(pd.DataFrame({"sex": ["F", "X", ""]}), one).tolist() == [True, False, False]
    only = [Preserved("sex", ("F",))]
    assert coded(pd.DataFrame({"sex": ["F", "M"]}), only)[0].tolist() == [0]
    assert known_rows(pd.DataFrame({"sex": ["F", "M"]}), only).tolist() == [True, False]


def test_a_smooth_column_is_a_natural_spline():
    ages = np.linspace(20, 80, 200)
    (one,) = coding(pd.DataFrame({"age": ages}), ["age"], ["age"])
    assert one.knots == pytest.approx(np.percentile(ages, (5, 35, 65, 95)))
    terms = coded(pd.DataFrame({"age": np.linspace(-10, 110, 121)}), [one])
    assert terms.shape == (121, 3)
    bends = np.abs(np.diff(terms, 2, axis=0)).max(axis=1)
    years = np.linspace(-9, 109, 119)
    assert bends[(years < one.knots[0] - 1) | (years > one.knots[-1] + 1)] == pytest.approx(0, abs=1e-9)
    assert bends[(years > 40) & (years < 60)].min() > 1e-4
    same = pd.DataFrame({"age": [30.0] * 9 + [31.0]})
    assert coding(same, ["age"], ["age"])[0].knots == ()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: column_of(TABLE, "agee"), "no column 'agee'.*Did you mean 'age'"),
        (lambda: coding(TABLE, ["empty"]), "'empty' has no known value"),
        (lambda: coding(TABLE, ["sex"], ["sex"]), "'sex' has texts and cannot be smooth"),
        (lambda: coded(TABLE, [Preserved("sex", range=(0, 1))]), "'sex' has texts, but numbers"),
    ],
)
def test_what_cannot_be_coded_is_refused(call, message):
    with pytest.raises(NeuroFMError, match=message):
        call()


def test_texts_are_empty_where_not_known():
    assert text_column(TABLE, "sex").tolist() == ["F", "", "M", "M"]
