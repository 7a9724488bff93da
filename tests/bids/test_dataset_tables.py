from collections import Counter

import pytest

from neurofm_bids.bids.dataset_tables import NO_ROW, ONLY_SESSIONS, DatasetTables
from neurofm_bids.bids.source import SourceImages
from tests.bids.test_covariates import Scan, write

LONG = "participant_id\tsession_id\tage\nsub-01\tses-a\t30\nsub-01\tses-b\t31\nsub-9\tses-a\t50\n"
ANY = "participant_id\tage\n1\t30\n"
SESSIONS, SCANS = (
    "session_id\tmood\nses-a\tgood\n",
    "filename\tage\nses-a/anat/sub-01_ses-a_T1w.nii.gz\t33\n",
)
ONE, A, B, TWO = Scan("01"), Scan("01", "a"), Scan("01", "b"), Scan("02")


@pytest.fixture
def read(tmp_path):
    """Return a function that writes tables, given by path without suffix, and reads them."""

    def tables(**texts):
        for folder in ("sub-01/ses-a", "sub-01/ses-b", "sub-02"):
            (tmp_path / folder).mkdir(parents=True)
        paths = {"sessions": "sub-01/sub-01_sessions", "scans": "sub-01/sub-01_scans"}
        for name, text in texts.items():
            write(tmp_path / f"{paths.get(name, name)}.tsv", text)
        return DatasetTables(tmp_path, SourceImages(tmp_path))

    return tables


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (LONG, ([], [("30", True)], [("31", True)], [])),
        (ANY, ([("30", False)], [("30", False)], [("30", False)], [])),
    ],
)
def test_the_rows_of_a_scan_say_whether_they_are_of_its_session(read, table, rows):
    tables = read(participants=table)
    found = [
        [(row["age"], own) for row, own in tables.rows(tables.participants, s)] for s in (ONE, A, B, TWO)
    ]
    assert tuple(found) == rows


def test_rows_of_sessions_and_scans(read):
    tables = read(sessions=SESSIONS, scans=SCANS)
    assert [tables.session_row(scan) for scan in (ONE, A, B)] == [None, {"mood": "good"}, None]
    paths = ("sub-01/sub-01_scans", "sub-01/ses-a/sub-01_ses-a_scans")
    assert list(tables.scan_rows(A)) == [(paths[0], {"age": "33"}), (paths[1], None)]
    assert list(tables.scan_rows(Scan("../x"))) == []


def test_only_columns_of_tables_that_were_read_are_named(read):
    tables = read(participants=LONG, sessions=SESSIONS, scans=SCANS)
    assert tables.columns() == {"participants.tsv": ["age"]}
    tables.session_row(A)
    list(tables.scan_rows(A))
    assert tables.columns() == {
        "participants.tsv": ["age"],
        "sub-<label>_sessions.tsv": ["mood"],
        "sub-<label>_scans.tsv": ["age"],
    }


@pytest.mark.parametrize(
    ("scan", "lacking"),
    [
        (ONE, [("participants.tsv", ONLY_SESSIONS, "sub-01")]),
        (A, []),
        (B, [("sub-<label>_sessions.tsv", NO_ROW, "sub-01 ses-b")]),
        (TWO, [("participants.tsv", NO_ROW, "sub-02")]),
        (
            Scan("01", "c"),
            [(t, NO_ROW, "sub-01 ses-c") for t in ("participants.tsv", "sub-<label>_sessions.tsv")],
        ),
    ],
)
def test_tables_without_a_row_for_a_scan(read, scan, lacking):
    assert list(read(participants=LONG, sessions=SESSIONS).lacking(scan)) == lacking


def test_labels_are_compared_with_those_of_the_dataset(read):
    tables = read(participants=LONG)
    assert tables.strangers() == ["9"]
    assert (tables.labels(None), tables.labels("01")) == (Counter("12"), Counter("ab"))
