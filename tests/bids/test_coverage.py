import json
import logging

import pytest

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.coverage import log_coverage
from tests.bids.test_covariates import Scan, write

FOUR = [Scan("01", "a"), Scan("01", "b"), Scan("02"), Scan("03"), Scan("04")]


@pytest.fixture
def logged(tmp_path, caplog):
    """Return a function that writes tables and returns the lines logged, and the warnings among them."""
    caplog.set_level(logging.INFO)

    def log(tables, scans=FOUR, levels=None):
        for scan in scans:
            (tmp_path / scan.path).parent.mkdir(parents=True, exist_ok=True)
        for name, text in tables.items():
            write(tmp_path / f"{name}.tsv", text)
        if levels:
            write(tmp_path / "participants.json", json.dumps({"sex": {"Levels": levels}}))
        log_coverage(Covariates(tmp_path), scans)
        return [(record.levelno, record.getMessage()) for record in caplog.records]

    return log


_HEAD = "participant_id\tage\tsex\n"
_CODES = (
    "No Levels in a data dictionary that could be read give the meaning of {} in the column of sexes. Add "
    'them to participants.json, such as {{"sex": {{"Levels": {{"1": "male", "2": "female"}}}}}}.'
)


@pytest.mark.parametrize(
    ("tables", "level", "line"),
    [
        (
            {"participants": f"{_HEAD}sub-01\t30\tF\nsub-02\told\t?\nsub-03\t18-38\tn/a\nsub-04\tn/a\tO\n"},
            logging.WARNING,
            "Ages known for 1 of 4 participants; not understood: sub-02 'old', sub-03 '18-38'. "
            "Sexes known for 1 of 4 participants; other: sub-04 'O'; not understood: sub-02 '?'.",
        ),
        (
            {"participants": f"{_HEAD}sub-01\t30\tF\nsub-02\t31\tM\nsub-03\t32\t?\nsub-04\t33\tF\n"},
            logging.WARNING,
            "Ages known for 4 of 4 participants. "
            "Sexes known for 3 of 4 participants; not understood: sub-03 '?'.",
        ),
        (
            {"participants": f"{_HEAD}sub-01\t30\tF\nsub-02\t31\tM\nsub-03\t32\tO\nsub-04\tn/a\tn/a\n"},
            logging.INFO,
            "Ages known for 3 of 4 participants. Sexes known for 2 of 4 participants; other: sub-03 'O'.",
        ),
        (
            {"sub-01/sub-01_sessions": "session_id\tage\nses-a\t30\nses-b\t31\n"},
            logging.INFO,
            "Ages known for 1 of 4 participants. Sexes known for 0 of 4 participants.",
        ),
        ({}, logging.INFO, "The dataset has no participants.tsv: ages and sexes are not known."),
    ],
)
def test_one_line_says_what_is_known(logged, tables, level, line):
    assert logged(tables) == [(level, line)]


@pytest.mark.parametrize(
    ("levels", "unclear", "warnings"),
    [
        (None, "; not understood: sub-01 '1', sub-02 '2.0', sub-03 '2.0'", [_CODES.format("1, 2.0")]),
        ({"1": "male"}, "; not understood: sub-02 '2.0', sub-03 '2.0'", [_CODES.format("2.0")]),
        ({"1": "male", "2": "not reported"}, "; not understood: sub-02 '2.0', sub-03 '2.0'", []),
        ({"1": "male", "2": "other"}, "; other: sub-02 '2.0', sub-03 '2.0'", []),
        ({"1": "male", "2": "female"}, "", []),
    ],
)
def test_codes_of_sexes_need_levels(logged, levels, unclear, warnings):
    table = f"{_HEAD}sub-01\t30\t1\nsub-02\t40\t2.0\nsub-03\t50\t2.0\n"
    (level, line), *others = logged({"participants": table}, [Scan("01"), Scan("02"), Scan("03")], levels)
    assert level == (logging.WARNING if "not understood" in unclear else logging.INFO)
    known = 0 if levels is None else 3 if levels.get("2") == "female" else 1
    assert line == f"Ages known for 3 of 3 participants. Sexes known for {known} of 3 participants{unclear}."
    assert others == [(logging.WARNING, warning) for warning in warnings]


def test_codes_of_missing_ages_are_understood(logged, tmp_path):
    write(tmp_path / "participants.json", json.dumps({"age": {"Levels": {"999": "not known"}}}))
    (record,) = logged({"participants": f"{_HEAD}sub-01\t999\tF\n"}, [Scan("01")])
    expected = "Ages known for 0 of 1 participants. Sexes known for 1 of 1 participants."
    assert record == (logging.INFO, expected)


@pytest.mark.parametrize(
    ("units", "ages", "median"),
    [
        ("month", ["30", "35", "40"], "2.9"),  # years of adults
        ("month", ["360", "420", "480"], None),
        ("year", ["30", "35", "40"], None),
        ("year", ["2", "3", "60"], "3"),
        ("year", ["9.5", "10", "10.5"], None),
        ("day", ["0", "0", "3"], "0"),
        ("year", ["360", "-1", "n/a"], None),
    ],
)
def test_ages_of_adults_in_the_wrong_unit_are_suspected(logged, tmp_path, units, ages, median):
    write(tmp_path / "participants.json", json.dumps({"age": {"Units": units}}))
    rows = "".join(f"sub-{number}\t{age}\n" for number, age in enumerate(ages))
    _, *others = logged({"participants": f"participant_id\tage\n{rows}"}, [Scan("0"), Scan("1"), Scan("2")])
    expected = (
        f"The median age is {median} years. If that is wrong, correct Units of the column age in "
        "its data dictionary (participants.json); without Units, ages are read as years."
    )
    assert others == ([] if median is None else [(logging.WARNING, expected)])


_SEX, _SCANS = "participant_id\tsex\nsub-01\tF\n", "filename\tage\nanat/sub-01_ses-a_T1w.nii\t33\n"
_NO_AGE = (
    "No column age in the tables of participants, sessions and scans that could be read, "
    "so no age is known ({}). "
)
_COPY = (
    "The column age of {} is not used: it may be of another day than the scan. Copy it to participants.tsv "
    "or the tables of sessions, with its data dictionary, if it is the age at the scan."
)
_ADD = "If ages are known, add them as a column age."
_RENAME = (
    "If {} holds the ages, rename it to age; unless they are in years, also give Units in participants.json, "
    'such as {{"age": {{"Units": "month"}}}}.'
)


@pytest.mark.parametrize(
    ("tables", "warnings"),
    [
        (
            {"participants": f"participant_id\tsex\t{column}\tlanguage\nsub-01\tF\t30\ten\n"},
            [
                _NO_AGE.format(f"participants.tsv has the columns {column}, sex, language")
                + _RENAME.format(column)
            ],
        )
        for column in ("Age_at_scan", "age_months", "AGE_Y", "scanAge")
    ]
    + [
        (
            {"participants": "participant_id\nsub-01\n"},
            [_NO_AGE.format("participants.tsv has only labels") + _ADD],
        ),
        (
            {
                "participants": "participant_id\tsex\nsub-01\tF\n",
                "sub-01/sub-01_sessions": "session_id\tmood\na\t1\nb\t2\n",
            },
            [
                _NO_AGE.format(
                    "participants.tsv has the columns sex; sub-<label>_sessions.tsv has the columns mood"
                )
                + _ADD
            ],
        ),
        ({"participants": "participant_id\tAGE\nsub-01\tn/a\n"}, []),
        (
            {"participants": _SEX, "sub-01/ses-a/sub-01_ses-a_scans": _SCANS.replace("33", "n/a")},
            [],
        ),
        (
            {"participants": _SEX, "phenotype/demographics": "participant_id\tAge\nsub-01\t31\n"},
            [
                _NO_AGE.format("participants.tsv has the columns sex").strip(),
                _COPY.format("phenotype/demographics.tsv"),
            ],
        ),
        (
            {"phenotype/demographics": "participant_id\tage\nsub-01\t31\n"},
            [_COPY.format("phenotype/demographics.tsv")],
        ),
        (
            {
                "participants": "participant_id\tage\nsub-01\t30\n",
                "phenotype/demographics": "participant_id\tage\nsub-01\t31\n",
            },
            [],
        ),
        (
            {"participants": _SEX, "sub-01/sub-01_sessions": "/annex/objects/MD5E-s9--0.tsv\n"},
            [
                "sub-01_sessions.tsv cannot be read (the table has not been downloaded): its values are not "
                "used. Run: datalad get {root}/sub-01/sub-01_sessions.tsv",
                _NO_AGE.format("participants.tsv has the columns sex") + _ADD,
            ],
        ),
        (
            {"participants": "/annex/objects/MD5E-s9--0.tsv\n"},
            [
                "participants.tsv cannot be read (the table has not been downloaded): its values are not "
                "used. Run: datalad get {root}/participants.tsv"
            ],
        ),
        (
            {
                "participants": _SEX,
                "sub-01/ses-a/sub-01_ses-a_scans": _SCANS,
            },
            [],
        ),
        (
            {"participants": "participant_id\tage\nsub-1\t30\nS02\t40\nsub-9\t50\n"},
            ["participants.tsv: 2 labels of no participant in the dataset (S02, 9)."],
        ),
        (
            {"participants": "participant_id\tsession_id\tage\nsub-01\tses-a\t30\n"},
            ["participants.tsv: no row for 1 of those selected (sub-01 ses-b)."],
        ),
        (
            {"participants": "participant_id\tage\nsub-x\t30\n"},
            [
                "participants.tsv: no row for 1 of those selected (sub-01).",
                "participants.tsv: 1 label of no participant in the dataset (x).",
            ],
        ),
        (
            {"sub-01/sub-01_sessions": "session_id\tage\nses-a\t30\nses-bl\t31\n"},
            ["sub-<label>_sessions.tsv: no row for 1 of those selected (sub-01 ses-b)."],
        ),
        ({"participants": "participant_id\tage\n"}, ["participants.tsv has no rows that can be used."]),
    ],
)
def test_what_tables_have_and_is_not_used_is_named(logged, tmp_path, tables, warnings):
    lines = [text for level, text in logged(tables, FOUR[:2]) if level == logging.WARNING]
    assert [line.replace(str(tmp_path), "{root}") for line in lines] == warnings


def test_rows_by_session_are_not_called_missing_where_the_image_has_no_session(logged):
    rows = "sub-01\tses-a\t30\nsub-01\tses-b\t31\nsub-02\tses-a\t40\n"
    *_, first, second = logged(
        {"participants": f"participant_id\tsession_id\tage\n{rows}"}, [Scan("01"), Scan("02"), Scan("03")]
    )
    assert [text for _, text in (first, second)] == [
        "participants.tsv: rows of several sessions for 1 of those selected, whose images have no session "
        "(sub-01).",
        "participants.tsv: no row for 1 of those selected (sub-03).",
    ]


def test_many_participants_without_a_row_are_counted(logged):
    scans = [Scan(f"{number:02}") for number in range(1, 41)]
    *_, (_, last) = logged({"participants": "participant_id\tage\n" + "1\t30\n"}, scans)
    expected = "no row for 39 of those selected (sub-02, sub-03, sub-04, sub-05, sub-06 and 34 more)."
    assert last == f"participants.tsv: {expected}"


def test_the_log_shortens_what_is_not_understood(logged):
    ages = ["999", "-1", "30", "n/a", "89+", *["x" * 10**6] * 5]
    rows = "".join(f"{number}\t{age}\n" for number, age in enumerate(ages))
    scans = [Scan(str(number)) for number in range(len(ages))]
    ((_, line),) = logged({"participants": f"participant_id\tage\n{rows}"}, scans)
    assert line.startswith(
        "Ages known for 2 of 10 participants; not understood: sub-0 '999', sub-1 '-1', sub-5 'xx"
    )
    assert "and 2 more. Sexes" in line
    assert len(line) < 500


def test_nothing_is_logged_of_no_scan(logged):
    assert logged({"participants": "participant_id\tage\nsub-01\t30\n"}, []) == []
