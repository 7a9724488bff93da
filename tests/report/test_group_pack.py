import base64
import gzip
import json
import struct

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofm_bids.report import group_pack
from neurofm_bids.report.group_pack import ScanColumn, pack


def column(name, cells, **about):
    return ScanColumn(name, name.title(), "", "", "Scan", pd.Series(cells, dtype=object), **about)


def packed(*columns, first=None, names=None):
    count = len(columns[0].values)
    names = names or [f"scan {place}" for place in range(count)]
    return pack(columns, np.zeros(count, bool) if first is None else first, names)


def unpacked(found):
    """Return the columns as the script of the page decodes them."""
    data = gzip.decompress(base64.b64decode(found.text))
    start = 4 + struct.unpack_from("<I", data)[0]
    about = json.loads(data[4:start])
    out = {}
    for one in about["columns"]:
        size, at = one["bytes"], start + one["at"]
        planes = np.frombuffer(data[at : at + size * about["size"]], np.uint8).reshape(size, -1)
        codes = sum(256.0**plane * row for plane, row in enumerate(planes))
        if size == 8:
            values = np.ascontiguousarray(planes.T).view("<f8").ravel()
        elif one["kind"] == "number":
            values = np.where(codes == 256**size - 1, np.nan, (codes + one["base"]) / 10 ** one["decimals"])
        else:
            values = [None if code == 256**size - 1 else one["levels"][int(code)] for code in codes]
        out[one["name"]] = values
    return out


def test_numbers_keep_four_digits_of_their_range():
    made = np.random.default_rng(0)
    cases = {
        "age": made.uniform(18, 90, 500),
        "tiny": made.normal(0, 1e-7, 500),
        "large": made.normal(1.5e6, 1e5, 500),
        "far": np.append(made.normal(0, 1, 499), 1e6),
        "count": made.integers(-3, 300, 500),
    }
    found = unpacked(packed(*(column(name, [*map(float, values)]) for name, values in cases.items())))
    for name, values in cases.items():
        span = np.ptp(np.quantile(values, [0.01, 0.99]))
        assert np.abs(found[name] - values).max() <= span / 1999, name


@pytest.mark.parametrize(
    "values",
    [
        [1_000_000_001, 9_999_999_999],
        [1_600_000_000_000, 1_700_000_000_123],
        [0.1, 0.2, 1e12],
        [1e19, 2e19],
        [2**64, 2**70],
        [1e-18, 2e-18],
        [5e-324, 1e-323],
        [-1.7e308, 1.7e308, 0.5],
        [0, 2**32 - 2],
        [0, 2**32 - 1],
        [2**53 - 1, 2**53],
    ],
)
def test_numbers_of_any_range_are_kept(values):
    found = unpacked(packed(column("a", [*values, None])))["a"]
    np.testing.assert_array_equal(found, [*map(float, values), np.nan])


MAGNITUDES = st.builds(lambda digits, power: digits * 10.0**power, st.floats(-10, 10), st.integers(-300, 300))


@given(
    st.lists(
        st.one_of(
            st.none(), MAGNITUDES, st.integers(-(2**70), 2**70), st.floats(-1e3, 1e3),
            st.floats(allow_nan=False, allow_infinity=False),
        ),
        min_size=1, max_size=30,
    ).filter(lambda cells: any(cell is not None for cell in cells))
)  # fmt: skip
def test_numbers_of_all_magnitudes_keep_their_digits(cells):
    values = np.array([np.nan if cell is None else float(cell) for cell in cells])
    known = values[~np.isnan(values)]
    with np.errstate(over="ignore", invalid="ignore"):
        span = np.ptp(np.quantile(known, [0.01, 0.99])) or np.ptp(known) or np.abs(known[0])
    found = unpacked(packed(column("a", cells)))["a"]
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
    error = np.abs(found - values)[~np.isnan(values)].max()
    if (known == np.rint(known)).all():
        assert error == 0
    elif np.isfinite(span):
        assert error <= span / 1999


def test_unknown_cells_stay_unknown_whatever_stands_for_them():
    found = unpacked(packed(column("a", [1.5, None, np.nan, "n/a"]), column("b", ["x", None, "n/a", ""])))
    np.testing.assert_array_equal(found["a"], [1.5, np.nan, np.nan, np.nan])
    assert found["b"] == ["x", None, None, None]


def test_texts_of_numbers_are_numbers_and_others_are_texts():
    found = packed(column("score", ["1", "2.5"]), column("group", ["1", "a"]), column("is", [True, False]))
    assert found.numbers == {"score"}
    assert unpacked(found)["is"] == ["true", "false"]
    named = packed(column("participant_id", ["001", "002"], is_name=True))
    assert unpacked(named)["participant_id"] == ["001", "002"]


def test_columns_without_values_are_left_out():
    assert packed(column("a", [1, 2]), column("b", [None, np.nan])).names == ("a",)


@pytest.mark.parametrize("levels", [3, 255, 256, 70_000])
def test_any_number_of_levels_is_told_apart(levels, monkeypatch):
    monkeypatch.setattr(group_pack, "MOST_SCANS", 100_000)
    texts = [f"level {i}" for i in range(levels)]
    found = packed(column("name", [None, *texts], is_name=True))
    assert unpacked(found)["name"] == [None, *texts]


def test_texts_that_nearly_all_differ_are_named_as_left_out():
    texts = [f"level {i}" for i in range(3000)]
    found = packed(column("uid", texts), column("label", texts, is_name=True))
    assert (found.names, found.left_out) == (("label",), ("Uid",))


def test_equal_columns_give_equal_bytes():
    assert len({packed(column("a", [1.0, 2.0, 7.0])).text for _ in range(3)}) == 1


def test_what_does_not_fit_is_drawn_by_name_after_what_is_preferred(monkeypatch):
    monkeypatch.setattr(group_pack, "LIMIT_BYTES", 4000)
    made = np.random.default_rng(0)
    values, first = made.normal(size=3000), np.zeros(3000, bool)
    first[[5, 2999]] = True
    found = packed(column("a", values.tolist()), first=first)
    assert len(found.text) <= 4000
    assert 500 < found.places.size < 3000
    assert {5, 2999} <= set(found.places.tolist())
    assert (np.diff(found.places) > 0).all()
    assert abs(found.places.mean() - 1500) < 120  # from the whole cohort
    np.testing.assert_allclose(unpacked(found)["a"], values[found.places], atol=1e-3)


def test_never_more_scans_than_a_page_can_draw(monkeypatch):
    monkeypatch.setattr(group_pack, "MOST_SCANS", 50)
    assert packed(column("a", [*range(80)])).places.size == 50
