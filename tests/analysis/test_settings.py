"""Settings of the analyses of a cohort."""

import sys

import pytest

from neurofm_bids.analysis.settings import AnalysisSettings, Columns, parse_settings, read_settings, where_in
from neurofm_bids.errors import Exit, NeuroFMError


def test_without_a_file_the_defaults_hold():
    assert read_settings(None) == AnalysisSettings()


def test_a_file_sets_them(tmp_path):
    path = tmp_path / "group.toml"
    path.write_text('[columns]\nsite = "centre"\n')
    assert read_settings(path).columns == Columns(site="centre")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[colums]", "unknown key 'colums'.*line 1, column 1.*Did you mean 'columns'"),
        ("[columns]\nscanner = 1", "unknown key 'scanner'.*line 2.*Known keys are site, date"),
        ("columns = 3", "not a table"),
    ],
)
def test_what_is_not_known_is_refused(tmp_path, text, message):
    path = tmp_path / "group.toml"
    path.write_text(text)
    with pytest.raises(NeuroFMError, match=message):
        read_settings(path)


def test_columns_are_found_by_their_usual_names_or_named():
    known = ["age", "scanner", "acq_time", "centre"]
    assert Columns().site_in(known) == "scanner"
    assert Columns("centre").site_in(known) == "centre"
    assert Columns().date_in(known) == "acq_time"
    assert Columns().site_in(["age"]) is None


def test_a_missing_harmonisation_is_refused(tmp_path):
    path = tmp_path / "group.toml"
    path.write_text('[sites]\nharmonise = true\nmodel = "/missing/sites.json"\n')
    with pytest.raises(NeuroFMError, match=r"harmonisation not found: /missing/sites\.json") as raised:
        read_settings(path)
    assert raised.value.code == Exit.USAGE
    assert "key model of the table sites" in raised.value.fix


def test_a_missing_package_is_refused_with_the_line_that_needs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    path = tmp_path / "group.toml"
    path.write_text("[clusters]\numap = true\n")
    with pytest.raises(NeuroFMError, match=r"umap-learn is not installed: .*group\.toml, line 2") as raised:
        read_settings(path)
    assert raised.value.code == Exit.USAGE
    path.write_text("[clusters]\numap = false\n")
    assert read_settings(path).clusters is not None


def test_places_have_line_table_and_key(tmp_path):
    path = tmp_path / "group.toml"
    path.write_text('[sites]\npreserve = ["age",\n"grp"]\n')
    where = where_in(parse_settings(path), "sites", "preserve", "grp")
    assert where == f"{path}, line 3, column 1, table sites, key preserve"
    assert where_in(None, "sites", "preserve") == "--group-config, table sites, key preserve"


def test_numbers_by_measure_are_read(tmp_path):
    path = tmp_path / "group.toml"
    path.write_text('[age_gap]\ncontrols = ["group=control"]\n[change]\nerror_sd = { brain_mm3 = 5000 }\n')
    settings = read_settings(path)
    assert settings.age_gap.controls == ("group=control",)
    assert settings.change.error_sd == {"brain_mm3": 5000.0}
    path.write_text('[change]\nerror_sd = { brain_mm3 = "x" }\n')
    with pytest.raises(NeuroFMError, match=r"not a number.*line 2.*key error_sd"):
        read_settings(path)
    path.write_text('[change]\ntime = "days"\n')
    with pytest.raises(NeuroFMError, match=r"'days' is neither age nor date.*line 2"):
        read_settings(path)
