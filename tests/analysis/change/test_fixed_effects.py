"""The fixed effects of mixed models of change."""

import numpy as np
import pytest

from neurofm_bids.analysis.change.fixed_effects import design_of, fixed_terms
from neurofm_bids.analysis.change.times import scan_times
from tests.analysis.change.people import people


def designed(table, covariates=(), categories=()):
    years = scan_times(table, date="acq_time").years
    return design_of(table, "participant_id", ["age", "sex"], covariates, categories, years, 0.1)


def test_terms_are_those_at_the_first_scan_of_the_person():
    table = people(count=40)
    design = designed(table, ["group"])
    first = table.groupby("participant_id")["age"].transform("min")
    age = next(part for part in design.at_first if part.column == "age_at_first_scan")
    assert np.allclose(age.values[:, 0], first)
    assert design.with_time == (False, False, True)
    assert design.omitted == ()
    assert design.known.all()


def test_numbers_are_centred_and_products_are_of_what_was_asked_for():
    table = people(count=40)
    design = designed(table, ["group"])
    names, matrix = fixed_terms(design, np.arange(len(table)), design.years)
    sex = next(name for name in names if name.startswith("sex["))
    assert names == ("years", "age_at_first_scan", sex, "group[case]", "years:group[case]")
    assert matrix[:, 0] == pytest.approx(design.years)
    assert matrix[:, 1].mean() == pytest.approx(0, abs=1e-9)
    assert matrix[:, 4] == pytest.approx(design.years * (table["group"] == "case").to_numpy())


def test_what_follows_from_other_terms_is_left_out():
    table = people(count=40)
    design = designed(table.assign(copy=table["age"]), ["copy"])
    names, matrix = fixed_terms(design, np.arange(len(table)), design.years)
    assert "copy" not in names
    assert np.linalg.matrix_rank(matrix - matrix.mean(axis=0)) == len(names)


@pytest.mark.parametrize(("known", "omitted"), [(31, ("sex",)), (32, ())])
def test_age_and_sex_known_of_few_scans_are_omitted(known, omitted):
    table = people(count=40, scans=2)
    table.loc[table["participant_id"].rank(method="dense") > known, "sex"] = None
    design = designed(table)
    assert design.omitted == omitted
    assert design.known.mean() == (1.0 if omitted else 0.8)
    assert designed(table, ["sex"]).omitted == ()


def test_scans_without_a_time_are_not_known():
    table = people(count=40)
    table.loc[3, ["acq_time", "age"]] = [None, np.nan]
    assert np.flatnonzero(~designed(table).known).tolist() == [3]
