"""Readouts that the group level fits."""

import json
from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.cli.main import main
from neurofm_bids.config import Readouts
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.group import readout_fits
from neurofm_bids.group.cohort import collect
from neurofm_bids.group.readout_fits import check_tasks, data_of, fit_cohort, read_task_files
from neurofm_bids.model.registry import model_names, model_spec
from neurofm_bids.readouts.cross_validation import Scheme
from neurofm_bids.readouts.file import read_readout
from tests.group.readout_cohort import PEOPLE, TASKS, write_cohort
from tests.samples import one_folder
from tests.tables import read_rows

SCHEME = Scheme(permutations=19, bootstraps=40, replicates=2)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("readouts"), failed=(3,))


def collected(root, **options):
    covariates = Covariates(root / "bids")
    return collect(one_folder(root / "out", covariates), **options), covariates


def options(root, **more):
    return Readouts((root / "tasks.toml",), **more)


def test_features_are_those_of_scans_that_take_part(cohort):
    data = data_of(*collected(cohort), "latent")
    assert data.features.shape == (PEOPLE - 1, 12)
    assert "sub-03" not in data.table["participant_id"]
    assert (data.names[0], data.dataset) == ("f000", "Demo")
    assert data.predictions.shape[0] == PEOPLE - 1
    assert {"age", "value", "snr_brain", "participant_id"} <= set(data.table)
    everyone = data_of(*collected(cohort, include_failed=True), "latent")
    assert "sub-03" in everyone.table["participant_id"]


def test_the_license_is_that_of_a_model_that_is_downloaded(cohort):
    people, covariates = collected(cohort)
    assert data_of(people, covariates, "latent").license is None
    model = next(model_spec(name) for name in model_names() if model_spec(name).repository)
    made = replace(people.made.model, name=model.name, license=model.license)
    people = replace(people, made=replace(people.made, model=made))
    found = [data_of(people, covariates, features).license for features in ("latent", "both", "regional")]
    assert found == [model.license, model.license, None]


def test_volumes_of_regions_are_features_too(cohort):
    regional, both = (data_of(*collected(cohort), name) for name in ("regional", "both"))
    assert "left_hippocampus" in regional.names
    assert not any(name.endswith("_mm3") for name in regional.names)
    assert both.names == (*(f"f{k:03d}" for k in range(12)), *regional.names)
    assert np.nanmedian(regional.features[:, regional.names.index("left_hippocampus")]) > 1000


def test_without_segmentation_there_are_none(cohort):
    people, covariates = collected(cohort)
    members = tuple(replace(member, morphometry={}) for member in people.members)
    with pytest.raises(NeuroFMError, match="no scan has volumes of regions for --features both"):
        data_of(replace(people, members=members), covariates, "both")
    nobody = tuple(replace(member, is_included=False) for member in people.members)
    with pytest.raises(NeuroFMError, match="no scan takes part"):
        data_of(replace(people, members=nobody), covariates, "latent")


def test_tasks_are_fitted_and_refused(cohort, tmp_path):
    fits = fit_cohort(*collected(cohort), options(cohort), tmp_path, 1, SCHEME)
    assert [task.name for task in fits.tasks] == ["value", "diagnosis", "rare"]
    assert list(fits.outcomes.readouts) == ["value", "diagnosis"]
    assert list(fits.outcomes.refused) == ["rare"]
    readout = read_readout(tmp_path / "diagnosis.json")
    assert readout.evaluation.metrics["auc"].value > 0.8
    assert readout.training.people == PEOPLE - 1
    assert readout.origin.weights_sha256 == collected(cohort)[0].weights_sha256[0]


def test_an_unknown_column_is_found_before_anything_is_fitted(cohort, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(TASKS.replace('"value"\ncov', '"valeu"\ncov'))
    with pytest.raises(NeuroFMError, match=r"no column 'valeu': .*bad.toml, line 6, column 10.*'value'"):
        check_tasks(*collected(cohort), Readouts((path,)))


def test_two_files_with_one_task_are_refused(cohort, tmp_path):
    path = tmp_path / "other.toml"
    path.write_text(TASKS)
    with pytest.raises(NeuroFMError, match="two files have a task value"):
        read_task_files([cohort / "tasks.toml", path])


@pytest.fixture
def quick(monkeypatch):
    original = readout_fits.data_of

    def quickly(people, covariates, features, scheme):
        return original(people, covariates, features, SCHEME)

    monkeypatch.setattr(readout_fits, "data_of", quickly)


def test_the_group_level_writes_table_report_and_files(cohort, quick, capsys):
    arguments = [str(cohort / "bids"), str(cohort / "out"), "group", "--skip-bids-validation"]
    arguments += ["--readouts", str(cohort / "tasks.toml"), "--nprocs", "1"]
    assert main(arguments) == 1  # a task was refused
    path = cohort / "out" / "group_desc-openS_evaluation.tsv"
    rows, about = read_rows(path), json.loads(path.with_suffix(".json").read_text())
    assert set(rows[0]) <= set(about)
    by_task = {(row["task"], row["metric"]): row for row in rows}
    assert float(by_task["diagnosis", "auc"]["value"]) > 0.8
    assert by_task["value", "r"]["people"] == str(PEOPLE - 1)
    assert by_task["value", "r"]["p_corrected"] == "0.1"
    assert "too few people" in by_task["rare", "n/a"]["remarks"]
    page = (cohort / "out" / "group_desc-openS.html").read_text()
    assert 'id="readouts"' in page
    assert "Tasks that were refused" in page
    files = {path: path.read_bytes() for path in (cohort / "out" / "readouts").iterdir()}
    assert {path.name for path in files} == {"diagnosis.json", "value.json"}
    before = path.read_bytes()
    assert main(arguments) == 1
    assert path.read_bytes() == before
    assert all(path.read_bytes() == content for path, content in files.items())
    capsys.readouterr()
    assert main(arguments[:4]) == 0
    assert "Removed the evaluation of an earlier run: this one fits no tasks" in capsys.readouterr().err
    assert not path.exists()
    assert all(one.is_file() for one in files)
    assert main(arguments[:4]) == 0
    assert "Removed the evaluation" not in capsys.readouterr().err
    assert 'id="readouts"' not in (cohort / "out" / "group_desc-openS.html").read_text()


def test_an_invalid_file_ends_the_run_before_any_scan_is_processed(cohort, tmp_path, capsys):
    path = tmp_path / "bad.toml"
    path.write_text("[[task]\n")
    arguments = [str(cohort / "bids"), str(tmp_path / "out"), "participant", "group"]
    assert main([*arguments, "--skip-bids-validation", "--readouts", str(path)]) == 64
    assert "bad.toml, line 1, column 7" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_dry_run_finds_what_is_wrong(cohort, tmp_path, capsys):
    path = tmp_path / "bad.toml"
    path.write_text(TASKS.replace('"regression"', '"regresion"'))
    arguments = [str(cohort / "bids"), str(cohort / "out"), "group", "--skip-bids-validation", "--dry-run"]
    assert main([*arguments, "--readouts", str(path)]) == 65
    assert "unknown kind 'regresion'" in capsys.readouterr().err
    assert main([*arguments, "--readouts", str(cohort / "tasks.toml")]) == 0
