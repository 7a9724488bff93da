import json
from dataclasses import replace

import pandas as pd
import pytest
from pyarrow import parquet

from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.names import GROUP_OUTPUTS
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.group import table_files
from neurofm_bids.group.table import Table
from neurofm_bids.group.table_files import table_paths, write_table, write_tables

TABLE = Table(
    pd.DataFrame({"scan": ["a", "b"], "x": [0.5, None]}),
    {"scan": {"LongName": "Scan"}, "x": {"LongName": "X", "Units": "mm"}, "more": {}},
    {"Description": "A table"},
)


@pytest.mark.parametrize("name", GROUP_OUTPUTS)
def test_tables_but_the_phenotype_have_a_parquet_file(tmp_path, name):
    suffixes = [path.suffix for path in table_paths(Derivatives(tmp_path, "openS"), name)]
    is_table = GROUP_OUTPUTS[name].endswith(".tsv") and name != "phenotype"
    assert (suffixes == [".tsv", ".json", ".parquet"]) is is_table


def test_all_files_of_a_table_have_the_same_content(tmp_path):
    out = Derivatives(tmp_path, "openS")
    paths = write_table(out, "quality", TABLE)
    assert paths == table_paths(out, "quality")
    text, sidecar, columns = paths
    assert text.read_text() == TABLE.text() == "scan\tx\na\t0.5\nb\tn/a\n"
    assert json.loads(sidecar.read_text()) == TABLE.sidecar()
    table = parquet.read_table(columns)
    assert table.to_pydict() == {"scan": ["a", "b"], "x": [0.5, None]}
    assert table.schema.field("x").metadata == {b"LongName": b"X", b"Units": b"mm"}


def test_the_phenotype_has_two_files(tmp_path):
    assert [p.name for p in write_table(Derivatives(tmp_path, "openS"), "phenotype", TABLE)] == [
        "neurofm.tsv",
        "neurofm.json",
    ]
    assert len(list((tmp_path / "phenotype").iterdir())) == 2


def test_large_tables_are_written_alike_by_several_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "MANY_CELLS", 4)
    tables = {"quality": TABLE, "statistics": replace(TABLE, frame=TABLE.frame[:1]), "features": TABLE}
    folders = tmp_path / "one", tmp_path / "two"
    names = []
    for folder, processes in zip(folders, (1, 2), strict=True):
        paths = write_tables(Derivatives(folder, "openS"), tables, processes)
        names.append([path.name for path in paths])
        assert sorted(paths) == sorted(folder.iterdir())
    assert names[0] == names[1]
    assert all((folders[0] / name).read_bytes() == (folders[1] / name).read_bytes() for name in names[0])


def test_a_table_that_another_process_cannot_write_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "MANY_CELLS", 4)
    (tmp_path / "file").touch()
    with pytest.raises(NeuroFMError, match="writing failed"):
        write_tables(Derivatives(tmp_path / "file", "openS"), {"quality": TABLE, "features": TABLE}, 2)
