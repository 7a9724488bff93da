import json
import logging

import pytest

from neurofm_bids.analysis_options import Analyses
from neurofm_bids.group.cohort import collect
from neurofm_bids.group.datasets import SOURCE_DATASET, Datasets, known_of, log_known
from neurofm_bids.group.inputs import sources_of
from neurofm_bids.group.readout_fits import data_of
from neurofm_bids.group.run import write_group
from neurofm_bids.named_path import NamedPath
from tests.group.folders import write_dataset, write_shards, write_sites


@pytest.fixture
def sites(tmp_path):
    """Return the output folders of two sites, and the members of their cohort."""
    north, _, one, two = write_sites(tmp_path)
    sources = sources_of(tmp_path / "out", "openS", north, (NamedPath("", one), NamedPath("s", two)))
    return sources, collect(sources).members


def test_covariates_come_from_the_dataset_of_each_scan(sites):
    known = known_of(*sites)
    scans = [member.scan for member in sites[1]]
    assert [scan.subject for scan in scans] == ["01", "02", "s01", "s03"]
    assert [known.person(scan).age_years for scan in scans] == [31, 42, 31, 53]
    table = known.table(scans)
    assert table["age"].to_list() == [31, 42, 31, 53]  # one column, though one dataset writes Age
    assert table["grip"].isna().to_list() == [True, True, False, False]
    assert table["grip"].to_list()[2:] == [101, 103]
    assert table[SOURCE_DATASET].to_list() == ["North", "North", "s", "s"]
    assert known.dataset_name == "North, s"
    assert known.dictionary[SOURCE_DATASET]["LongName"] == "Dataset"


def test_shards_of_one_dataset_have_its_covariates(tmp_path):
    bids, one, two = write_shards(tmp_path)
    sources = sources_of(tmp_path / "out", "openS", bids, (NamedPath("", one), NamedPath("", two)))
    assert known_of(sources, collect(sources).members) is sources[""].covariates


def test_datasets_of_one_name_are_told_apart(tmp_path):
    north, _, one, two = write_sites(tmp_path)
    for folder in ("north", "south"):
        path = tmp_path / folder / "dataset_description.json"
        path.write_text(json.dumps({"Name": "Study", "BIDSVersion": "1.10.0"}))
    sources = sources_of(tmp_path / "out", "openS", north, (NamedPath("n", one), NamedPath("s", two)))
    members = collect(sources).members
    unnamed = {member.scan.subject: sources[member.source] for member in members}
    assert Datasets(unnamed).dataset_name == "n, s"
    sources = sources_of(tmp_path / "out", "openS", north, (NamedPath("", one), NamedPath("", two)))
    assert Datasets({str(number): one for number, one in enumerate(sources.values())}).dataset_name == (
        "Study, Study 2"
    )


def test_columns_with_other_units_are_warned_of(tmp_path, caplog):
    north, south, one, two = write_sites(tmp_path)
    for folder, units in ((north, "kg"), (south, "N")):
        write_dataset(folder, columns="age\tgrip")
        about = {"grip": {"Units": units}, "age": {"Units": "year"}}
        (folder / "participants.json").write_text(json.dumps(about))
    sources = sources_of(tmp_path / "out", "openS", north, (NamedPath("", one), NamedPath("s", two)))
    entry = known_of(sources, collect(sources).members).dictionary["grip"]
    assert entry["Units"] == "kg"
    (warning,) = (one for one in caplog.messages if "Units or Levels differ" in one)
    assert "between the datasets: grip." in warning


def test_what_is_known_is_logged_of_each_dataset(sites, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    log_known(*sites)
    ages = "Ages known for 2 of 2 participants. Sexes known for 0 of 2 participants."
    said = [one for one in caplog.messages if one.startswith(("Dataset", "Ages"))]
    assert said == [f"Dataset {tmp_path / 'north'}:", ages, f"Dataset {tmp_path / 'south'}:", ages]


def test_readouts_see_participants_of_all_datasets(tmp_path):
    north, _, one, two = write_sites(tmp_path)
    sources = sources_of(tmp_path / "out", "openS", north, (NamedPath("", one), NamedPath("s", two)))
    cohort = collect(sources)
    data = data_of(cohort, known_of(sources, cohort.members), "latent")
    assert data.table["participant_id"] == ["sub-01", "sub-02", "sub-s01", "sub-s03"]
    assert data.table[SOURCE_DATASET] == ["North", "North", "s", "s"]
    assert data.table["grip"] == [None, None, "101", "103"]
    assert data.dataset == "North, s"


def test_sites_are_a_column_of_the_settings(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    north, _, one, two = write_sites(tmp_path)
    settings = tmp_path / "group.toml"
    settings.write_text(f'[columns]\nsite = "{SOURCE_DATASET}"\n[sites]\nharmonise = true\n')
    analyses = Analyses((NamedPath("", one), NamedPath("s", two)), settings)
    write_group(tmp_path / "out", "openS", bids_dir=north, analyses=analyses)
    assert any(f"column {SOURCE_DATASET} has fewer than 2 sites" in text for text in caplog.messages)
