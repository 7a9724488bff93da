import numpy as np
import pytest

from neurofm_bids.storage.tables import cell, read_tsv, table_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "n/a"),
        (float("nan"), "n/a"),
        (np.float64("nan"), "n/a"),
        ("", "n/a"),
        (" \t ", "n/a"),
        (True, "true"),
        (False, "false"),
        (np.True_, "true"),
        (np.int64(7), "7"),
        (np.float32(0.1), "0.1000000015"),
        (0, "0"),
        (12345678901234, "12345678901234"),
        (1180321.0, "1180321"),
        (0.1, "0.1"),
        (1 / 3, "0.3333333333"),
        (np.float64(-12.5), "-12.5"),
        ("a\tb\r\nc", "a b c"),
        ("=1+1", "'=1+1"),
        ("sub-\udcff", "sub-?"),
    ],
)
def test_cells(value, text):
    assert cell(value) == text


def test_digits_tell_any_two_float32_apart():
    values = np.random.default_rng(0).normal(size=200).astype(np.float32)
    assert (np.array([cell(float(v), digits=9) for v in values], dtype=np.float32) == values).all()


def test_a_table_is_read_as_it_was_written(tmp_path):
    rows = [["a b", 1.5], ["'quoted", None], ['say "x"', -2]]
    (tmp_path / "a.tsv").write_text(table_text(("name", "value"), rows))
    columns, read = read_tsv(tmp_path / "a.tsv")
    assert columns == ["name", "value"]
    assert [list(row.values()) for row in read] == [[cell(value) for value in row] for row in rows]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_tables_written_by_hand_are_read_as_far_as_possible(tmp_path, end):
    lines = ["\ufeff a \tb", "1", "1\t2\t3", "", '"1\t"2', " 1\u00fc\t\0 "]
    (tmp_path / "a.tsv").write_bytes(end.join(lines).encode() + b"\xff")
    assert read_tsv(tmp_path / "a.tsv") == (
        ["a", "b"],
        [
            {"a": "1", "b": ""},
            {"a": "1", "b": "2"},
            {"a": '"1', "b": '"2'},
            {"a": "1ü", "b": "\0 \ufffd"},
        ],
    )
