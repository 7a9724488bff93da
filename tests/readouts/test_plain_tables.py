import json

import numpy as np
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.plain_tables import read_data


@pytest.fixture
def tables(tmp_path):
    features, table = tmp_path / "features.tsv", tmp_path / "participants.tsv"
    features.write_text("participant_id\tleft\tright\nsub-1\t1\t2\nsub-2\t3\tn/a\nsub-9\t5\t6\n")
    table.write_text("participant_id\tage\tsite\nsub-2\t20\t1\nsub-1\t30\t2\n")
    (tmp_path / "participants.json").write_text(json.dumps({"site": {"Levels": {"1": "A", "2": "B"}}}))
    return features, table


def test_rows_are_joined_by_participant(tables):
    data = read_data(*tables)
    assert data.names == ("left", "right")
    assert np.array_equal(data.features, [[1, 2], [3, np.nan], [5, 6]], equal_nan=True)
    assert data.table["age"] == ["30", "20", ""]
    assert list(data.table["participant_id"]) == ["sub-1", "sub-2", "sub-9"]
    assert data.categories == {"site"}
    assert data.dataset == tables[1].parent.name


@pytest.mark.parametrize(
    ("place", "text", "message"),
    [
        (0, "participant_id\tleft\nsub-1\tlow\n", "columns that are not numbers: left"),
        (0, "participant_id\nsub-1\n", "there is no column of features"),
        (0, "participant_id\tleft\nsub-7\t1\n", "no participant is in both"),
        (0, "person\tleft\nsub-7\t1\n", "no column participant_id"),
        (1, "participant_id\tage\nsub-1\t1\nsub-1\t2\n", "the table has sub-1 twice"),
    ],
)
def test_what_cannot_be_joined_is_refused(tables, place, text, message):
    tables[place].write_text(text)
    with pytest.raises(NeuroFMError, match=message):
        read_data(*tables)
