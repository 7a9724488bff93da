import json

import pytest

from neurofm_bids.bids.dictionaries import DataDictionaries


def definition(folder, **files):
    for name, value in files.items():
        text = value if isinstance(value, str) else json.dumps(value)
        (folder / f"{name}.json").write_text(text)
    return DataDictionaries(folder).definition(*(f"{name}.json" for name in files))


@pytest.mark.parametrize("units", ["years", "", None, "n/a"])
def test_ages_without_unit_are_in_years(tmp_path, caplog, units):
    assert definition(tmp_path, participants={"Age": {"Units": units}}).age("34") == (34, False)
    assert caplog.text == ""


@pytest.mark.parametrize("units", ["moons", ["months"], 12])
def test_an_unknown_unit_gives_no_age(tmp_path, caplog, units):
    assert definition(tmp_path, participants={"age": {"Units": units}}).age("34") == (None, False)
    (record,) = caplog.records
    assert record.getMessage() == (
        f"participants.json gives age in {units!r}, which is not a known unit: these ages are not used. "
        'Use years (a), months (mo), weeks (wk) or days (d), as in {"age": {"Units": "year"}}.'
    )


@pytest.mark.parametrize("key", ["Units", "units", "UNITS", "Unit", "unit", "Unit "])
def test_the_key_of_a_unit_may_be_spelled_in_another_way(tmp_path, key):
    ages = definition(tmp_path, participants={"age": {key: "months"}})
    assert [ages.age(text)[0] for text in ("60", "72", "84")] == [5, 6, 7]


@pytest.mark.parametrize("entry", [{"units": "moons", "Units": "months"}, {"Units": "", "unit": "months"}])
def test_of_two_spellings_that_of_bids_counts_unless_it_has_no_value(tmp_path, entry):
    assert definition(tmp_path, participants={" Age": entry}).age("24") == (2, False)


def test_keys_are_those_of_bids_in_the_columns_too(tmp_path):
    entry = {"longname": "Mood", "description": "x", "levels": {"1": "good"}, "unit": "points"}
    (tmp_path / "participants.json").write_text(json.dumps({"mood": entry}))
    assert DataDictionaries(tmp_path).columns() == {
        "mood": {"LongName": "Mood", "Description": "x", "Units": "points", "Levels": {"1": "good"}}
    }


def test_the_entry_of_the_nearest_dictionary_is_used(tmp_path):
    names = [
        "phenotype/mood.json",
        "phenotype/._mood.json",
        "participants.json",
        "sessions.json",
        "sub-01/sub-01_sessions.json",
        "scans.json",
        "sub-01/sub-01_scans.json",
        "sub-02/sub-02_scans.json",
        "sub-02/ses-a/sub-02_ses-a_scans.json",
    ]
    (tmp_path / "sub-03").write_text("no folder")
    known = {}
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"x": {"Description": name}, path.stem: {"Units": "1"}}))
        found = DataDictionaries(tmp_path).columns()
        hidden = path.name.startswith(".")
        known |= {} if hidden else {f"mood.{path.stem}" if "phenotype" in name else path.stem: {"Units": "1"}}
        assert {column: entry for column, entry in found.items() if not column.endswith("x")} == known
        nearest = found["mood.x" if "phenotype" in name else "x"]["Description"]
        assert nearest == ("phenotype/mood.json" if hidden else name)


@pytest.mark.parametrize(
    ("entry", "unit"),
    [
        ({"Description": "age in months"}, "months"),
        ({"Description": "Age in Month(s)"}, "months"),
        ({"Description": "age (mo.)"}, "mo"),
        ({"Description": "Postnatal age [weeks] at the day of the scan"}, "weeks"),
        ({"description": "days since birth"}, "days"),
        ({"LongName": "age_months", "Units": "n/a"}, "months"),
        ({"Description": "age in month"}, "month"),
    ],
)
def test_a_unit_that_only_the_description_names_gives_no_age(tmp_path, caplog, entry, unit):
    described = definition(tmp_path, participants={"age": entry})
    assert [described.age(text)[0] for text in ("34", "034Y")] == [None, 34]
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        f"participants.json: the description of age names {unit}, and there are no Units: "
        f'these ages are not used. Add {{"age": {{"Units": "{unit}"}}}}.'
    )


@pytest.mark.parametrize(
    "text",
    [
        "Age",
        "Age in years, computed from days",
        "Age (years) in the week of the scan",
        "age of the participant on the day of scanning",
        "age in month of scan",
        "age at most 30 days before the scan",
        "age at the 6-months visit",
    ],
)
def test_a_description_that_names_no_other_unit_of_age_leaves_years(tmp_path, caplog, text):
    assert definition(tmp_path, participants={"age": {"Description": text}}).age("34") == (34, False)
    assert caplog.text == ""


def test_units_count_more_than_the_description_and_those_of_sexes_mean_nothing(tmp_path, caplog):
    entries = {"age": {"Description": "age in months", "units": "year"}, "sex": {"Units": "letters"}}
    assert definition(tmp_path, participants=entries).age("34") == (34, False)
    assert caplog.text == ""


def test_each_file_is_warned_of_once(tmp_path, caplog):
    (tmp_path / "sessions.json").write_text('{"age": {"Units": "moons"}}')
    dictionaries = DataDictionaries(tmp_path)
    for subject in range(200):
        dictionaries.definition("sessions.json", f"sub-{subject}_sessions.json")
    assert len(caplog.records) == 1


def test_the_nearest_file_that_has_a_unit_counts(tmp_path):
    months, described = {"age": {"Units": "months"}}, {"age": {"Description": "Age at the session"}}
    assert definition(tmp_path, participants=months, sessions=described).age("24") == (2, False)
    assert definition(tmp_path, participants=months, sessions={"age": {"Units": "d"}}).age("24")[0] < 0.1


@pytest.mark.parametrize("text", ["{", "[1]", "/annex/objects/x"])
def test_where_a_dictionary_cannot_be_read_nobody_knows_the_unit(tmp_path, caplog, text):
    assert definition(tmp_path, participants=text).age("34") == (None, False)
    assert "the sidecar participants.json" in caplog.text


@pytest.mark.parametrize(
    "levels",
    [
        {"1": "male", "2": "female"},
        {"1": {"Description": "male"}, "2": {"Description": "female"}},
        {"1": {"description": "male"}, "2": {"DESCRIPTION": "female"}},
        {"male": 1, "female": "2"},
    ],
)
def test_levels_of_sex(tmp_path, levels):
    read = definition(tmp_path, participants={"gender": {"Levels": levels}})
    assert [read.sex(code, "gender") for code in ("1", "2", "3")] == ["M", "F", None]
    assert read.sex("1", "sex") is None


@pytest.mark.parametrize("key", ["levels", "LEVELS", "Level"])
def test_the_key_of_levels_may_be_spelled_in_another_way(tmp_path, key):
    assert definition(tmp_path, participants={"sex": {key: {"1": "male"}}}).sex("1") == "M"


@pytest.mark.parametrize("key", ["lowest", "Oldest", "max"])
def test_the_range_of_ages_has_no_codes(tmp_path, key):
    assert definition(tmp_path, participants={"age": {"Levels": {key: 34}}}).age("34") == (34, False)


def test_codes_of_missing_ages_may_be_the_values_of_levels(tmp_path):
    assert definition(tmp_path, participants={"age": {"Levels": {"missing": 99}}}).age("99") == (None, False)
