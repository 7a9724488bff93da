import numpy as np
import pandas as pd
import pytest

from neurofm_bids.storage.frames import frame_text
from neurofm_bids.storage.tables import table_text

NAN = float("nan")


@pytest.mark.parametrize("digits", [9, 10, 15])
@pytest.mark.parametrize(
    "values",
    [
        [1.0, 1 / 3, -0.0, 1e-7, 1180321.0, 123456789012.5],
        [1.0, NAN, None, float("inf")],
        np.array([0.1, 1 / 3, -2e20], np.float32),
        np.array([0.1, NAN], np.float32),
        [1, -2, 12345678901234],
        [True, False],
        pd.Series([True, None, 1.5, 3, "=1+1", "a\tb", ""], dtype=object),
        pd.Series(["%d", "50 %", "sub-\udcff"], dtype=object),
        pd.Series(["a", None], dtype="str"),
    ],
)
def test_cells_are_those_of_any_table(values, digits):
    frame = pd.DataFrame({"a": values, "%s": values})
    expected = table_text(frame.columns, frame.itertuples(index=False, name=None), digits)
    assert "".join(frame_text(frame, digits)) == expected


def test_many_rows_are_written_in_parts():
    frame = pd.DataFrame({"a": np.arange(4001.0), "b": [None] * 4000 + ["x"]})
    parts = list(frame_text(frame))
    assert [part.count("\n") for part in parts] == [1, 2000, 2000, 1]
    assert parts[-1] == "4000\tx\n"


def test_a_table_without_rows():
    assert "".join(frame_text(pd.DataFrame({"a": []}))) == "a\n"
