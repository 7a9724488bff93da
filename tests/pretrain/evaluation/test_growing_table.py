import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.pretrain.evaluation.growing_table import GrowingTable

COLUMNS = ("person", "volume", "sex")


def test_rows_are_there_after_an_interruption(tmp_path):
    path = tmp_path / "table.tsv"
    table = GrowingTable(path, COLUMNS)
    assert (table.rows, path.exists()) == ({}, False)
    table.append({"person": "a", "volume": 1.25, "sex": None})
    table.append({"person": "b", "volume": 1 / 3, "sex": "F"})
    assert GrowingTable(path, COLUMNS).rows == table.rows
    assert table.rows["b"] == {"person": "b", "volume": "0.3333333", "sex": "F"}
    whole = path.read_text()
    path.write_text(whole + "c\t1")
    again = GrowingTable(path, COLUMNS)
    assert list(again.rows) == ["a", "b"]
    again.append({"person": "c", "volume": 2.0, "sex": "M"})
    assert path.read_text() == whole + "c\t2\tM\n"


def test_other_columns_are_refused(tmp_path):
    GrowingTable(tmp_path / "table.tsv", COLUMNS).append({"person": "a", "volume": 1.0, "sex": "M"})
    with pytest.raises(NeuroFMError, match="the table has other columns"):
        GrowingTable(tmp_path / "table.tsv", COLUMNS[:2])
