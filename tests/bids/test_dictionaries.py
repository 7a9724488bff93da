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
        {"male": 1, "female": "2"},
    ],
)
def test_levels_of_sex(tmp_path, levels):
    read = definition(tmp_path, participants={"gender": {"Levels": levels}})
    assert [read.sex(code, "gender") for code in ("1", "2", "3")] == ["M", "F", None]
    assert read.sex("1", "sex") is None
