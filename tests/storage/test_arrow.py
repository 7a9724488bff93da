import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.arrow import read_rows, write_parquet, write_rows

COLUMNS = {"name": "string", "number": "int32", "data": "binary"}
FRAME = pd.DataFrame(
    {
        "scan": ["a", "b", None],
        "feature": np.array([0.1, np.nan, 3], np.float32),
        "volume": [1.5, np.nan, 2.5],
        "n": [1, 2, 3],
        "known": pd.Series([True, None, False], dtype=object),
        "mixed": pd.Series([1.5, None, [1, 2]], dtype=object),
        "name": pd.Series(["sub-\udcff", "x", None], dtype=object),
    }
)
ABOUT = {"volume": {"LongName": "Volume", "Units": "mm^3"}, "known": {"Levels": {"true": "yes"}}}


def test_values_keep_their_types_and_columns_their_meaning(tmp_path):
    write_parquet(tmp_path / "a.parquet", FRAME, ABOUT)
    table = parquet.read_table(tmp_path / "a.parquet")
    types = {field.name: str(field.type) for field in table.schema}
    assert types == {
        "scan": "string",
        "feature": "float",
        "volume": "double",
        "n": "int64",
        "known": "bool",
        "mixed": "string",
        "name": "string",
    }
    rows = table.to_pydict()
    assert rows["volume"] == [1.5, None, 2.5]
    assert rows["feature"] == [np.float32(0.1), None, 3]
    assert rows["known"] == [True, None, False]
    assert rows["mixed"] == ["1.5", None, "[1, 2]"]
    assert rows["name"] == ["sub-?", "x", None]
    assert table.schema.field("volume").metadata == {b"LongName": b"Volume", b"Units": b"mm^3"}
    assert table.schema.field("known").metadata == {b"Levels": b'{"true": "yes"}'}


@pytest.mark.parametrize(
    ("cells", "kind", "expected"),
    [
        ([None, None], "string", [None, None]),
        ([np.nan, None], "string", [None, None]),
        ([np.float64(0.5), np.float32(2)], "double", [0.5, 2.0]),
        ([np.int64(3), None, 4], "int64", [3, None, 4]),
        ([np.bool_(True), None], "bool", [True, None]),
        ([np.str_("a"), None], "string", ["a", None]),
        ([2**70, 1], "double", [2.0**70, 1.0]),
        ([np.uint64(2**63), None], "double", [2.0**63, None]),
        ([2**60 + 1, 0.5], "double", [2.0**60, 0.5]),
        ([-(2**63), 2**63 - 1], "int64", [-(2**63), 2**63 - 1]),
        ([10**400, 1], "string", [str(10**400), "1"]),
    ],
)
def test_types_are_those_of_the_values(tmp_path, cells, kind, expected):
    path = tmp_path / "a.parquet"
    write_parquet(path, pd.DataFrame({"a": pd.Series(cells, dtype=object)}), {})
    table = parquet.read_table(path)
    assert str(table.schema.field("a").type) == kind
    assert table["a"].to_pylist() == expected


@pytest.mark.parametrize(("entry", "kind"), [({"Units": "mm^3"}, "double"), ({"LongName": "A"}, "string")])
@pytest.mark.parametrize("length", [0, 3])
def test_columns_without_cells_have_the_type_of_their_entry(tmp_path, entry, kind, length):
    path = tmp_path / "a.parquet"
    write_parquet(path, pd.DataFrame({"a": pd.Series([None] * length, dtype=object)}), {"a": entry})
    table = parquet.read_table(path)
    assert str(table.schema.field("a").type) == kind
    assert table["a"].to_pylist() == [None] * length


def test_equal_tables_give_equal_bytes(tmp_path):
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    write_parquet(first, FRAME, ABOUT)
    write_parquet(second, FRAME.copy(), ABOUT)
    assert first.read_bytes() == second.read_bytes()


def test_a_table_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(NeuroFMError) as error:
        write_parquet(tmp_path, FRAME, ABOUT)
    assert error.value.code in {Exit.CANT_CREATE, Exit.IO}


@pytest.mark.parametrize("count", [0, 2, 12_000])
def test_rows_are_read_as_they_were_written(tmp_path, count):
    rows = [(f"n{i}", i, bytes([i % 256])) for i in range(count)]
    write_rows(tmp_path / "a.arrow", rows, COLUMNS, "details")
    assert list(read_rows(tmp_path / "a.arrow", COLUMNS)) == ["details", *rows]


@pytest.mark.parametrize("length", [0, 10, 700, -20])
def test_damaged_files_are_refused(tmp_path, length):
    path = tmp_path / "a.arrow"
    write_rows(path, [("a", 1, b"x" * 1000)], COLUMNS, "details")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises((OSError, ValueError)):
        list(read_rows(path, COLUMNS))


def test_other_columns_are_refused(tmp_path):
    write_rows(tmp_path / "a.arrow", [], COLUMNS, "")
    with pytest.raises(ValueError, match="other columns"):
        list(read_rows(tmp_path / "a.arrow", {"name": "string"}))
