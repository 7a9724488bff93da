import json
import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from neurofm_bids.bids.covariates import read_covariates

ROWS = (("sub-01", "35", "m"), ("02", "89+", "Female"), ("sub-03", "n/a", "1"))


@dataclass(frozen=True)
class Scan:
    subject: str
    session: str | None = None

    @property
    def path(self):
        folder = f"sub-{self.subject}/" + (f"ses-{self.session}/" if self.session else "")
        stem = f"sub-{self.subject}" + (f"_ses-{self.session}" if self.session else "")
        return f"{folder}anat/{stem}_T1w.nii.gz"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("sex", ["gender", "Sex"])
def test_every_kind_of_line(tmp_path, ending, mark, sex):
    lines = ["\t".join(row) for row in (("Participant_ID", "AGE", sex), *ROWS)]
    (tmp_path / "participants.tsv").write_bytes((mark + ending.join(lines)).encode())
    covariates = read_covariates(tmp_path)
    people = [covariates.person(Scan(label)) for label in ("01", "02", "03", "04")]
    assert [(p.age_years, p.sex) for p in people] == [(35, "M"), (89, "F"), (None, None), (None, None)]
    assert people[1].age_text == "89+"


def test_no_table_is_no_problem(tmp_path, caplog):
    assert read_covariates(tmp_path / "gone").person(Scan("01")).age_years is None
    assert read_covariates(tmp_path).table([Scan("01"), Scan("02")]).shape == (2, 0)
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
    write(tmp_path / "participants.tsv", f"participant_id\tage\nsub-01\t{age}\nsub-02\t40\n")
    covariates = read_covariates(tmp_path)
    assert covariates.person(Scan("01")).age_years == years
    assert covariates.person(Scan("02")).age_years == 40


def test_ages_that_cannot_be_used_are_counted_and_named(tmp_path, caplog):
    ages = ["999", "-1", "30", "n/a", "89+", "x" * 10**6]
    rows = "".join(f"{number}\t{age}\n" for number, age in enumerate(ages))
    write(tmp_path / "participants.tsv", f"participant_id\tAge\n{rows}")
    write(tmp_path / "phenotype/iq.tsv", "participant_id\tage\nsub-2\t9999\n")
    covariates = read_covariates(tmp_path)
    assert list(covariates.table([Scan("2")])) == ["Age", "iq.age"]
    expected = f"Ages in participants.tsv that cannot be used: 3 (0: 999, 1: -1, 5: {'x' * 20})"
    (message,) = [record.getMessage() for record in caplog.records]
    assert message == f"{expected}. Write years from 0 to 130, such as 34.5 or 89+."


def test_ages_of_sessions_that_cannot_be_used_are_named(tmp_path, caplog):
    write(tmp_path / "sub-01/sub-01_sessions.tsv", "session_id\tage\nses-a\t340\nses-b\t34\n")
    assert read_covariates(tmp_path).person(Scan("01", "a")).age_years is None
    assert "Ages in sub-01_sessions.tsv that cannot be used: 1 (a: 340)." in caplog.text


def test_the_first_row_counts_and_the_others_are_named(tmp_path, caplog):
    write(tmp_path / "participants.tsv", "participant_id\tage\nsub-01\t30\n01\t40\nsub-02\n")
    covariates = read_covariates(tmp_path)
    assert covariates.person(Scan("01")).age_years == 30
    assert covariates.person(Scan("02")).age_text is None
    assert "participants.tsv has several rows for 01: the first is used." in caplog.text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_text("id\tage\nsub-01\t3\n"), "has no column participant_id"),
        (lambda path: path.write_bytes("participant_id\tage\n".encode("utf-16")), "has no column"),
        (lambda path: path.write_text(""), "has no column participant_id"),
        (lambda path: path.mkdir(), "cannot be read (this is not a regular file)"),
        (os.mkfifo, "cannot be read (this is not a regular file)"),
    ],
)
@pytest.mark.parametrize("name", ["participants.tsv", "phenotype/bdi.tsv"])
def test_tables_that_are_not_used_are_named(tmp_path, caplog, make, message, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    make(tmp_path / name)
    assert read_covariates(tmp_path).table([Scan("01")]).shape == (1, 0)
    assert message in caplog.text
    assert f"{Path(name).name} " in caplog.text
    assert "its values are not used" in caplog.text


@pytest.mark.parametrize(
    ("name", "key"), [("sub-01_sessions.tsv", "session_id"), ("ses-a/sub-01_ses-a_scans.tsv", "filename")]
)
def test_a_table_that_is_not_used_is_named_once(tmp_path, caplog, name, key):
    write(tmp_path / "participants.tsv", "participant_id\tage\nsub-01\t30\n")
    write(tmp_path / "sub-01" / name, "id\tage\nses-a\t31\n")
    covariates = read_covariates(tmp_path)
    assert [covariates.person(scan).age_years for scan in (Scan("01", "a"), Scan("01", "b"))] == [30, 30]
    assert covariates.table([Scan("01", "a")])["age"].tolist() == [30]
    expected = f"{Path(name).name} has no column {key}: its values are not used. Add the column."
    assert [record.getMessage() for record in caplog.records] == [expected]


def test_a_table_that_has_not_been_downloaded_is_named(tmp_path, caplog):
    (tmp_path / "participants.tsv").symlink_to(".git/annex/objects/x")
    assert read_covariates(tmp_path).person(Scan("01")).age_years is None
    assert f"has not been downloaded: its values are not used. Run: datalad get {tmp_path}" in caplog.text


@pytest.fixture
def dataset(tmp_path):
    """Two participants, one with two sessions, and every kind of table."""
    write(
        tmp_path / "participants.tsv", "participant_id\tage\tsex\tsite\nsub-01\t30\tF\tA\nsub-02\t50\tM\tB\n"
    )
    write(
        tmp_path / "sub-01/sub-01_sessions.tsv",
        "session_id\tage\tmood\nses-a\t30.5\tgood\nses-b\t32.5\tn/a\n",
    )
    write(
        tmp_path / "sub-01/ses-b/sub-01_ses-b_scans.tsv",
        "filename\tage\tquality\nanat/sub-01_ses-b_T1w.nii.gz\t32.7\tfair\n",
    )
    write(
        tmp_path / "phenotype/bdi.tsv",
        "participant_id\tsession_id\ttotal\nsub-01\tses-a\t7\nsub-01\tses-b\t9\n",
    )
    write(tmp_path / "phenotype/iq.tsv", "participant_id\tscore\nsub-01\t101\nsub-02\t99\n")
    write(
        tmp_path / "participants.json", json.dumps({"age": {"Description": "Age", "Units": "year", "X": 1}})
    )
    write(tmp_path / "phenotype/bdi.json", json.dumps({"total": {"LongName": "Beck"}, "Measure": "text"}))
    return tmp_path


SCANS = [Scan("01", "a"), Scan("01", "b"), Scan("02")]


def test_each_session_has_its_own_age_and_the_nearest_table_counts(dataset):
    covariates = read_covariates(dataset)
    assert [covariates.person(scan).age_years for scan in SCANS] == [30.5, 32.7, 50]
    assert [covariates.person(scan).sex for scan in SCANS] == ["F", "F", "M"]


def test_all_columns_are_joined_to_the_scans(dataset):
    table = read_covariates(dataset).table(SCANS)
    assert set(table) == {"age", "sex", "site", "mood", "quality", "bdi.total", "iq.score"}
    assert table["bdi.total"].tolist()[:2] == [7, 9]
    assert pd.isna(table["bdi.total"][2])
    assert table["iq.score"].tolist() == [101, 101, 99]
    assert table["mood"].tolist()[0] == "good"
    assert pd.isna(table["mood"][1])
    assert table["quality"].notna().tolist() == [False, True, False]


def test_columns_without_any_known_value_stay(tmp_path):
    write(tmp_path / "participants.tsv", "participant_id\tage\tsex\tgender\nsub-01\tn/a\tn/a\tF\n")
    covariates = read_covariates(tmp_path)
    table = covariates.table([Scan("01"), Scan("02")])
    assert list(table) == ["age", "sex", "gender"]
    assert table[["age", "sex"]].isna().all(axis=None)
    assert covariates.person(Scan("01")).sex == "F"


def test_a_column_is_the_same_in_upper_and_lower_case(tmp_path):
    write(tmp_path / "participants.tsv", "participant_id\tAge\tSite\nsub-01\t30\tA\n")
    write(tmp_path / "sub-01/sub-01_sessions.tsv", "Session_ID\tAGE\tsite\nses-a\t31\tn/a\n")
    write(tmp_path / "sub-01/ses-a/sub-01_ses-a_scans.tsv", "filename\tage\nanat/sub-01_ses-a_T1w.nii\tN/A\n")
    covariates = read_covariates(tmp_path)
    assert covariates.person(Scan("01", "a")).age_years == 31
    assert covariates.values(Scan("01", "a")) == {"Age": "31", "Site": "A"}


def test_a_table_of_scans_may_lie_in_the_folder_of_the_participant(tmp_path):
    write(
        tmp_path / "sub-01/sub-01_scans.tsv",
        "filename\tage\n./anat/sub-01_T1w.nii.gz\t30\nses-a/anat/sub-01_ses-a_T1w.nii.gz\t31\n",
    )
    covariates = read_covariates(tmp_path)
    assert [covariates.person(scan).age_years for scan in (Scan("01"), Scan("01", "a"))] == [30, 31]


@pytest.mark.parametrize("label", ["../02", "a\0b", "", None, "l" * 300, "\udcff"])
def test_labels_that_are_no_folder_names_have_no_covariates(tmp_path, label):
    write(tmp_path / "sub-02/sub-02_sessions.tsv", "session_id\tage\nn/a\t30\n")
    (tmp_path / "sub-").mkdir()
    assert read_covariates(tmp_path).person(Scan(label)).age_years is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("1", "-2.5", "n/a"), [1, -2.5, None]),
        (("1e3", ".5", "+3."), [1000, 0.5, 3]),
        (("1", "NaN", ""), [1, None, None]),
        (("007", "12", "1"), ["007", "12", "1"]),
        (("1" * 16, "1", "1"), ["1" * 16, "1", "1"]),
        (("1", "inf", "0x1"), ["1", "inf", "0x1"]),
        (("1_0", "1", "\u0663"), ["1_0", "1", "\u0663"]),
    ],
)
def test_columns_of_numbers_are_numeric(tmp_path, values, expected):
    rows = "".join(f"sub-{n}\t{value}\n" for n, value in enumerate(values))
    write(tmp_path / "participants.tsv", f"participant_id\tx\n{rows}")
    column = read_covariates(tmp_path).table([Scan("0"), Scan("1"), Scan("2")])["x"]
    assert [None if pd.isna(value) else value for value in column] == expected


def test_numbers_are_numbers_and_mixed_columns_stay_text(tmp_path):
    write(
        tmp_path / "participants.tsv",
        "participant_id\tage\tcode\nsub-01\t30\t7\nsub-02\t89+\tx\nsub-03\tn/a\t\n",
    )
    table = read_covariates(tmp_path).table([Scan("01"), Scan("02"), Scan("03")])
    assert table["age"].tolist()[:2] == ["30", "89+"]
    assert table["code"].tolist()[:2] == ["7", "x"]


def test_data_dictionaries_keep_what_explains_a_column(dataset, caplog):
    write(dataset / "sessions.json", "{")
    dictionary = read_covariates(dataset).dictionary
    assert dictionary == {"age": {"Description": "Age", "Units": "year"}, "bdi.total": {"LongName": "Beck"}}
    assert "the sidecar sessions.json is not valid JSON" in caplog.text


def test_data_dictionaries_beside_the_tables_count(dataset):
    write(dataset / "sub-01/sub-01_sessions.json", json.dumps({"mood": {"Levels": {"good": "well"}}}))
    quality = {"Description": [1], "Levels": {"fair": "so"}, "LongName": "Quality"}
    text = json.dumps({"quality": quality, "x": {"Units": float("nan")}})
    write(dataset / "sub-01/ses-b/sub-01_ses-b_scans.json", text)
    dictionary = read_covariates(dataset).dictionary
    assert "x" not in dictionary
    assert dictionary["mood"] == {"Levels": {"good": "well"}}
    assert dictionary["quality"] == {"LongName": "Quality", "Levels": {"fair": "so"}}


def test_odd_rows(tmp_path):
    write(tmp_path / "participants.tsv", 'participant_id\tage\tnote\nsub-01\t30\t"a\tmore\tcells\n\nsub-02\n')
    covariates = read_covariates(tmp_path)
    assert covariates.table([Scan("01")])["note"].tolist() == ['"a']
    assert covariates.person(Scan("02")).age_years is None
