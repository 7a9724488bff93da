"""Scans of a cohort as analyses take them."""

import math
from dataclasses import replace

import pytest

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.group.cohort import collect
from neurofm_bids.group.scans import scans_of
from neurofm_bids.group.statistics import compute
from neurofm_bids.group.tables import make_tables
from tests.samples import one_folder, write_scan


@pytest.fixture
def cohort(tmp_path):
    for number, label in enumerate(("sub-01", "sub-02", "sub-03")):
        write_scan(tmp_path / "out", label, seed=number)
        (tmp_path / label).mkdir()
    text = "participant_id\tage\tsex\tsite\nsub-01\t40\tfemale\tA\nsub-02\t89+\tM\tB\nsub-03\tn/a\tn/a\tB\n"
    (tmp_path / "participants.tsv").write_text(text)
    return collect(one_folder(tmp_path / "out", Covariates(tmp_path))), Covariates(tmp_path)


def scans(cohort, covariates):
    tables = make_tables(cohort, covariates, compute({}, cohort.ages, cohort.features))
    return scans_of(cohort, tables)


def test_each_scan_has_a_row_with_age_and_sex_as_they_were_understood(cohort):
    found = scans(*cohort)
    assert found.table["participant_id"].tolist() == ["sub-01", "sub-02", "sub-03"]
    assert found.table["age"][0] == 40
    assert math.isnan(found.table["age"][1])  # only a lower bound
    assert found.table["sex"].tolist()[:2] == ["F", "M"]
    assert found.table["site"].tolist() == ["A", "B", "B"]
    assert found.measures["predicted_age_years"] == "year"
    assert "site" in found.covariates
    assert "age" not in found.covariates
    assert not {*found.measures, *found.metrics} - {*found.table.columns}


def test_a_column_of_several_tables_is_there_once(cohort):
    made, covariates = cohort
    tables = make_tables(made, covariates, compute({}, made.ages, made.features))
    found = scans_of(made, {**tables, "readouts": tables["predictions"]})
    assert found.table.columns.is_unique


def test_values_that_statistics_leave_out_are_not_known(cohort):
    made, covariates = cohort
    first = replace(made.members[0], left_out=("predicted_age_years",), is_included=False)
    found = scans(replace(made, members=(first, *made.members[1:])), covariates)
    assert math.isnan(found.table["predicted_age_years"][0])
    assert not math.isnan(found.table["predicted_age_years"][1])
    assert found.included.tolist() == [False, True, True]
