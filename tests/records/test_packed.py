import numpy as np
import pytest

from neurofm_bids.records.packed import columns, layout, pack

ROW = {"age": 40.5, "gap": None, "n": 3, "known": True, "sex": "F", "site": "", "nan": float("nan")}


def test_a_packed_row_has_the_cells_of_the_row():
    packed = pack(ROW)
    assert dict(packed) == {**ROW, "nan": None}
    assert [type(value) for value in packed.values()] == [float, type(None), int, bool, str, str, type(None)]
    assert (len(packed), list(packed), "age" in packed, packed.get("x")) == (7, list(ROW), True, None)
    assert pack(packed) is packed
    with pytest.raises(KeyError):
        packed["x"]


def test_rows_with_equal_columns_share_them():
    assert pack(ROW).layout is pack({**ROW, "age": None}).layout
    assert pack(ROW).layout is layout(tuple(ROW), "ffibssf")
    assert pack(ROW).layout is not pack({**ROW, "age": "x"}).layout


def test_columns_are_those_of_all_rows_in_order():
    frame = columns([{"a": 1.5, "n": 1, "t": "x", "b": True}, {}, {"z": 2.0, "a": None, "n": 2, "t": None}])
    assert list(frame.columns) == ["a", "n", "t", "b", "z"]
    np.testing.assert_array_equal(frame["a"], [1.5, np.nan, np.nan])
    assert frame["n"].tolist() == [1, None, 2]
    assert frame["t"].tolist() == ["x", None, None]
    assert frame["b"].tolist() == [True, None, None]
    np.testing.assert_array_equal(frame["z"], [np.nan, np.nan, 2])
    assert frame.dtypes.astype(str).tolist() == ["float64", "object", "object", "object", "float64"]


def test_whole_columns_have_their_types():
    frame = columns([{"n": 1, "b": True, "t": "x"}, {"n": 2, "b": False, "t": "y"}])
    assert frame.dtypes.astype(str).tolist() == ["int64", "bool", "object"]


def test_rows_without_columns_are_rows():
    assert columns([{}, {}]).shape == (2, 0)
    assert columns([]).shape == (0, 0)
