import os

import pytest

from neurofm_bids.bids.covariates import read_participants, read_rows

ROWS = (("sub-01", "35", "m"), ("02", "89+", "Female"), ("sub-03", "n/a", "1"))


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_kind_of_line(tmp_path, ending, mark):
    lines = ["\t".join(row) for row in (("participant_id", "age", "gender"), *ROWS)]
    (tmp_path / "participants.tsv").write_bytes((mark + ending.join(lines)).encode())
    found = read_participants(tmp_path)
    assert {label: (p.age_years, p.sex) for label, p in found.items()} == {
        "01": (35, "M"),
        "02": (89, "F"),
        "03": (None, None),
    }


def test_no_table_is_no_problem(tmp_path, caplog):
    assert read_participants(tmp_path) == {}
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("age", "years"),
    [
        ("0", 0),
        ("35.5", 35.5),
        ("35,5", None),
        ("-3", None),
        ("1e9", None),
        ("131", None),
        ("NaN", None),
        ("inf", None),
        ("٣٥", None),
        ("9" * 10**6, None),
        ("30\0", None),
        ("", None),
    ],
)
def test_ages(tmp_path, age, years):
    (tmp_path / "participants.tsv").write_text(f"participant_id\tage\nsub-01\t{age}\nsub-02\t40\n")
    found = read_participants(tmp_path)
    assert found["01"].age_years == years
    assert found["02"].age_years == 40


def test_the_first_row_counts_and_the_others_are_named(tmp_path, caplog):
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-01\t30\n01\t40\nsub-02\n")
    assert read_rows(tmp_path) == {
        "01": {"participant_id": "sub-01", "age": "30"},
        "02": {"participant_id": "sub-02", "age": ""},
    }
    assert "lists participants twice, the first row counts: 01" in caplog.text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_text("id\tage\nsub-01\t3\n"), "has no column participant_id"),
        (
            lambda path: path.write_bytes("participant_id\tage\n".encode("utf-16")),
            "has no column participant_id",
        ),
        (lambda path: path.write_text(""), "has no column participant_id"),
        (lambda path: path.mkdir(), "cannot be read (this is not a file)"),
        (os.mkfifo, "cannot be read (this is not a file)"),
    ],
)
def test_tables_that_are_not_used_are_named(tmp_path, caplog, make, message):
    make(tmp_path / "participants.tsv")
    assert read_participants(tmp_path) == {}
    assert message in caplog.text
