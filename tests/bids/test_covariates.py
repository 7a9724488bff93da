import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from neurofm_bids.bids.covariates import Covariates

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


@pytest.mark.parametrize("sex", ["gender", "Sex"])
def test_age_and_sex_of_participants(tmp_path, sex):
    lines = ["\t".join(row) for row in (("Participant_ID", "AGE", sex), *ROWS)]
    write(tmp_path / "participants.tsv", "\n".join(lines))
    covariates = Covariates(tmp_path)
    people = [covariates.person(Scan(label)) for label in ("01", "02", "03", "04")]
    assert [(p.age_years, p.sex) for p in people] == [(35, "M"), (89, "F"), (None, None), (None, None)]
    assert (people[1].age_text, people[1].remarks) == ("89+", ("lower_bound",))
    assert (people[2].age_text, people[2].sex_text) == (None, "1")


def test_no_table_is_no_problem(tmp_path, caplog):
    assert Covariates(tmp_path / "gone").person(Scan("01")).age_years is None
    assert Covariates(tmp_path).table([Scan("01"), Scan("02")]).shape == (2, 0)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("name", "key"), [("sub-01_sessions.tsv", "session_id"), ("ses-a/sub-01_ses-a_scans.tsv", "filename")]
)
def test_a_table_that_is_not_used_is_named_once(tmp_path, caplog, name, key):
    write(tmp_path / "participants.tsv", "participant_id\tage\nsub-01\t30\n")
    write(tmp_path / "sub-01" / name, "id\tage\nses-a\t31\n")
    covariates = Covariates(tmp_path)
    assert [covariates.person(scan).age_years for scan in (Scan("01", "a"), Scan("01", "b"))] == [30, 30]
    assert covariates.table([Scan("01", "a")])["age"].tolist() == [30]
    expected = f"{Path(name).name} has no column {key}: its values are not used. Add the column."
    assert [record.getMessage() for record in caplog.records] == [expected]


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
    for hidden in ("._iq", "~$iq"):
        write(tmp_path / f"phenotype/{hidden}.tsv", "participant_id\thidden\nsub-01\t1\n")
        write(tmp_path / f"phenotype/{hidden}.json", json.dumps({"hidden": {"LongName": "x"}}))
    write(
        tmp_path / "participants.json", json.dumps({"age": {"Description": "Age", "Units": "year", "X": 1}})
    )
    write(tmp_path / "phenotype/bdi.json", json.dumps({"total": {"LongName": "Beck"}, "Measure": "text"}))
    return tmp_path


SCANS = [Scan("01", "a"), Scan("01", "b"), Scan("02")]


def test_each_session_has_its_own_age_and_the_nearest_table_counts(dataset):
    covariates = Covariates(dataset)
    assert [covariates.person(scan).age_years for scan in SCANS] == [30.5, 32.7, 50]
    assert [covariates.person(scan).sex for scan in SCANS] == ["F", "F", "M"]


def test_all_columns_are_joined_to_the_scans(dataset):
    table = Covariates(dataset).table(SCANS)
    assert set(table) == {"age", "sex", "site", "mood", "quality", "bdi.total", "iq.score"}
    assert table["bdi.total"].tolist()[:2] == [7, 9]
    assert pd.isna(table["bdi.total"][2])
    assert table["iq.score"].tolist() == [101, 101, 99]
    assert table["mood"].tolist()[0] == "good"
    assert pd.isna(table["mood"][1])
    assert table["quality"].notna().tolist() == [False, True, False]


def test_columns_without_any_known_value_stay(tmp_path):
    write(tmp_path / "participants.tsv", "participant_id\tage\tsex\tgender\nsub-01\tn/a\tn/a\tF\n")
    covariates = Covariates(tmp_path)
    table = covariates.table([Scan("01"), Scan("02")])
    assert list(table) == ["age", "sex", "gender"]
    assert table[["age", "sex"]].isna().all(axis=None)
    assert covariates.person(Scan("01")).sex == "F"


def test_a_column_is_the_same_in_upper_and_lower_case(tmp_path):
    write(tmp_path / "participants.tsv", "participant_id\tAge\tSite\nsub-01\t30\tA\n")
    write(tmp_path / "sub-01/sub-01_sessions.tsv", "Session_ID\tAGE\tsite\nses-a\t31\tn/a\n")
    write(tmp_path / "sub-01/ses-a/sub-01_ses-a_scans.tsv", "filename\tage\nanat/sub-01_ses-a_T1w.nii\tN/A\n")
    covariates = Covariates(tmp_path)
    assert covariates.person(Scan("01", "a")).age_years == 31
    assert covariates.values(Scan("01", "a")) == {"Age": "31", "Site": "A"}


def test_a_table_of_scans_may_lie_in_the_folder_of_the_participant(tmp_path):
    write(
        tmp_path / "sub-01/sub-01_scans.tsv",
        "filename\tage\n./anat/sub-01_T1w.nii.gz\t30\nses-a/anat/sub-01_ses-a_T1w.nii.gz\t31\n",
    )
    covariates = Covariates(tmp_path)
    assert [covariates.person(scan).age_years for scan in (Scan("01"), Scan("01", "a"))] == [30, 31]


@pytest.mark.parametrize("label", ["../02", "a\0b", "", None, "l" * 300, "\udcff"])
def test_labels_that_are_no_folder_names_have_no_covariates(tmp_path, label):
    write(tmp_path / "sub-02/sub-02_sessions.tsv", "session_id\tage\nn/a\t30\n")
    (tmp_path / "sub-").mkdir()
    assert Covariates(tmp_path).person(Scan(label)).age_years is None


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
    column = Covariates(tmp_path).table([Scan("0"), Scan("1"), Scan("2")])["x"]
    assert [None if pd.isna(value) else value for value in column] == expected


def test_numbers_are_numbers_and_mixed_columns_stay_text(tmp_path):
    write(
        tmp_path / "participants.tsv",
        "participant_id\tage\tcode\nsub-01\t30\t7\nsub-02\t89+\tx\nsub-03\tn/a\t\n",
    )
    table = Covariates(tmp_path).table([Scan("01"), Scan("02"), Scan("03")])
    assert table["age"].tolist()[:2] == ["30", "89+"]
    assert table["code"].tolist()[:2] == ["7", "x"]


def test_data_dictionaries_keep_what_explains_a_column(dataset, caplog):
    write(dataset / "sessions.json", "{")
    dictionary = Covariates(dataset).dictionary
    assert dictionary == {"age": {"Description": "Age", "Units": "year"}, "bdi.total": {"LongName": "Beck"}}
    assert "the sidecar sessions.json is not valid JSON" in caplog.text


def test_data_dictionaries_beside_the_tables_count(dataset):
    write(dataset / "sub-01/sub-01_sessions.json", json.dumps({"mood": {"Levels": {"good": "well"}}}))
    quality = {"Description": [1], "Levels": {"fair": "so"}, "LongName": "Quality"}
    text = json.dumps({"quality": quality, "x": {"Units": float("nan")}})
    write(dataset / "sub-01/ses-b/sub-01_ses-b_scans.json", text)
    dictionary = Covariates(dataset).dictionary
    assert "x" not in dictionary
    assert dictionary["mood"] == {"Levels": {"good": "well"}}
    assert dictionary["quality"] == {"LongName": "Quality", "Levels": {"fair": "so"}}


_LONG = "participant_id\tsession\tage\tsex\nsub-01\tses-a\t30\tF\nsub-01\tses-b\t32\tF\n"
_ONE = "participant_id\tage\tsex\nsub-01\t30\tF\n"
_SESSIONS = "session_id\tage\nses-a\t30\nses-b\t32\n"


@pytest.mark.parametrize(
    ("tables", "ages", "remarks"),
    [
        ({"participants": _LONG}, (30, 32), ((), ())),
        ({"participants": _LONG.replace("session", "session_id")}, (30, 32), ((), ())),
        ({"participants": _LONG.replace("ses-b", "n/a")}, (30, 32), ((), ("not_of_session",))),
        ({"participants": _LONG.replace("ses-b", "ses-c")}, (30, None), ((), ())),
        ({"participants": _LONG.replace("session", "visit")}, (None, None), ((), ())),
        ({"participants": _ONE}, (30, 30), (("not_of_session",), ("not_of_session",))),
        ({"participants": _ONE, "sub-01/sub-01_sessions": _SESSIONS}, (30, 32), ((), ())),
        (
            {"participants": _ONE, "sub-01/sub-01_sessions": _SESSIONS.replace("32", "n/a")},
            (30, 30),
            ((), ("not_of_session",)),
        ),
        (
            {"participants": _ONE, "sub-01/sub-01_sessions": _SESSIONS.replace("32", "old")},
            (30, None),
            ((), ()),
        ),
        (
            {"participants": _ONE.replace("30", ">89")},
            (89, 89),
            (("lower_bound", "not_of_session"), ("lower_bound", "not_of_session")),
        ),
    ],
)
def test_ages_of_two_sessions(tmp_path, tables, ages, remarks):
    for session in "ab":
        (tmp_path / f"sub-01/ses-{session}/anat").mkdir(parents=True)
    for name, text in tables.items():
        write(tmp_path / f"{name}.tsv", text)
    covariates = Covariates(tmp_path)
    people = [covariates.person(Scan("01", session)) for session in "ab"]
    assert tuple(person.age_years for person in people) == ages
    assert tuple(person.remarks for person in people) == remarks


@pytest.mark.parametrize(
    ("rows", "age"), [("sub-01\tses-a\t30\n", 30), ("sub-01\tses-a\t30\nsub-01\tses-b\t32\n", None)]
)
def test_a_scan_without_session_has_the_age_of_the_only_one(tmp_path, rows, age):
    write(tmp_path / "participants.tsv", f"participant_id\tsession_id\tage\n{rows}")
    assert Covariates(tmp_path).person(Scan("01")).age_years == age


def test_a_single_session_needs_no_remark(tmp_path):
    (tmp_path / "sub-01/ses-a").mkdir(parents=True)
    write(tmp_path / "participants.tsv", _ONE)
    assert Covariates(tmp_path).person(Scan("01", "a")).remarks == ()


def test_labels_match_without_zero_padding(tmp_path):
    for folder in ("sub-01/ses-01", "sub-2/ses-1", "sub-2/ses-01"):
        (tmp_path / folder).mkdir(parents=True)
    write(tmp_path / "participants.tsv", "participant_id\tage\n1\t30\n002\t40\n")
    write(tmp_path / "sub-01/sub-01_sessions.tsv", "session_id\tage\n1\t31\n")
    write(tmp_path / "sub-2/sub-2_sessions.tsv", "session_id\tage\nses-1\t41\n")
    write(tmp_path / "phenotype/iq.tsv", "participant_id\tscore\n01\t99\n2\t101\n")
    covariates = Covariates(tmp_path)
    scans = [Scan("01", "01"), Scan("2", "1"), Scan("2", "01")]
    assert [covariates.person(scan).age_years for scan in scans] == [31, 41, 40]
    assert covariates.table(scans)["iq.score"].tolist() == [99, 101, 101]


def test_each_table_has_its_own_unit_and_levels(tmp_path):
    write(tmp_path / "participants.tsv", "participant_id\tage\tsex\nsub-01\t24\t1\nsub-02\t36\t2\n")
    write(tmp_path / "sub-01/sub-01_sessions.tsv", "session_id\tage\nses-a\t800\n")
    write(tmp_path / "sub-01/sub-01_scans.tsv", "filename\tage\nses-b/anat/sub-01_ses-b_T1w.nii.gz\t3\n")
    levels = {"Levels": {"1": "male", "2": "female"}}
    write(tmp_path / "participants.json", json.dumps({"age": {"Units": "mo"}, "sex": levels}))
    write(tmp_path / "sub-01/sub-01_sessions.json", json.dumps({"age": {"Units": "days"}}))
    write(tmp_path / "scans.json", json.dumps({"age": {"Units": "years"}}))
    covariates = Covariates(tmp_path)
    people = [covariates.person(s) for s in (Scan("01"), Scan("01", "a"), Scan("01", "b"), Scan("02"))]
    assert [person.age_years for person in people] == pytest.approx([2, 800 / 365.25, 3, 3])
    assert [person.sex for person in people] == ["M", "M", "M", "F"]


@pytest.mark.parametrize(
    ("entry", "ages"),
    [
        ({"units": "months"}, [5, 6, 7]),
        ({"Unit": "months"}, [5, 6, 7]),
        ({"Description": "age in months"}, [None, None, None]),
        ({"Description": "age"}, [60, 72, 84]),
    ],
)
def test_ages_in_months_are_never_taken_for_years(tmp_path, entry, ages):
    write(tmp_path / "participants.tsv", "participant_id\tage\nsub-01\t60\nsub-02\t72\nsub-03\t84\n")
    write(tmp_path / "participants.json", json.dumps({"age": entry}))
    covariates = Covariates(tmp_path)
    assert [covariates.person(Scan(label)).age_years for label in ("01", "02", "03")] == ages


_COUNTS = "participant_id\tsession\tage\nsub-01\t{}\t30\nsub-02\t{}\t40\n"


@pytest.mark.parametrize(
    ("first", "second", "ages"),
    [
        ("ses-02", "ses-01", (None, 30, 40)),
        ("02", "01", (None, 30, 40)),
        ("1", "1", (30, None, 40)),
        ("1", "n/a", (30, None, 40)),
        ("2", "1", (30, 30, 40)),  # the number of sessions
        ("02", "02", (30, 30, 40)),  # there is no such session of sub-02
        ("3", "1", (30, 30, 40)),
        ("baseline", "followup", (30, 30, 40)),
        ("n/a", "n/a", (30, 30, 40)),
    ],
)
def test_a_column_session_holds_sessions_where_the_dataset_has_them(tmp_path, first, second, ages):
    for folder in ("sub-01/ses-01", "sub-01/ses-02", "sub-02/ses-01"):
        (tmp_path / folder).mkdir(parents=True)
    write(tmp_path / "participants.tsv", _COUNTS.format(first, second))
    covariates = Covariates(tmp_path)
    scans = (Scan("01", "01"), Scan("01", "02"), Scan("02", "01"))
    assert tuple(covariates.person(scan).age_years for scan in scans) == ages
