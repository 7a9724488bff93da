import numpy as np
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.targets import code_target
from neurofm_bids.readouts.task import Task


def task(kind, **more):
    return Task("t", "clinical", kind, "y", **more)


@pytest.mark.parametrize(
    ("of", "column", "values", "classes"),
    [
        (task("regression"), ["1.5", "", "2"], [1.5, np.nan, 2], ()),
        (task("binary", positive="a"), ["b", "a", ""], [0, 1, np.nan], ("b", "a")),
        (task("binary", positive="1", classes=("1", "0")), ["0", "1", "9"], [0, 1, np.nan], ("0", "1")),
        (task("multiclass"), ["10", "9", "x"], [1, 0, 2], ("9", "10", "x")),
        (task("ordinal"), ["10", "9", "9"], [1, 0, 0], ("9", "10")),
        (
            task("ordinal", classes=("low", "mid", "high")),
            ["high", "low", "?", "mid"],
            [2, 0, np.nan, 1],
            ("low", "mid", "high"),
        ),
    ],
)
def test_targets_are_numbers(of, column, values, classes):
    found = code_target(of, column, {})
    assert np.array_equal(found.values, values, equal_nan=True)
    assert found.classes == classes


@pytest.mark.parametrize(
    ("of", "column", "message"),
    [
        (task("regression"), ["1", "old"], r"the target y has values that are not numbers \(old\): task t"),
        (task("binary", positive="a"), ["a", "b", "c"], r"has 3 values, not 2 \(a, b, c\).*List the two"),
        (task("binary", positive="a"), ["a", "a"], r"has 1 values, not 2 \(a\): task t. Check the column"),
        (task("binary"), ["a", "b"], "the positive class None.*Set positive to 'a' or 'b'"),
        (task("binary", positive="c"), ["a", "b"], "the positive class 'c'"),
        (
            task("binary", positive="depr", classes=("contrl", "depr")),
            ["control", "depr", "other"],
            "has no value 'contrl', which is one of classes.*Did you mean 'control'. Values are control",
        ),
        (task("ordinal"), ["low", "high"], "texts, whose order is not known.*increasing order"),
        (task("multiclass"), ["a", "a"], "has 1 values"),
        (task("multiclass"), [str(k) for k in range(30)], "has 30 values.*regression"),
    ],
)
def test_what_does_not_fit_the_kind_is_refused(of, column, message):
    with pytest.raises(NeuroFMError, match=message):
        code_target(of, column, {})
