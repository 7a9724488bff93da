import logging

import numpy as np
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.fit import fit
from neurofm_bids.readouts.losses import people_left
from neurofm_bids.readouts.task import Task
from tests.readouts.cohorts import QUICK

FEATURES = np.random.default_rng(0).normal(size=(60, 3))


def table(known, **columns):
    return {**columns, "MADRS": [k % 7 if k in known else "n/a" for k in range(60)]}


def refusal(task, columns):
    with pytest.raises(NeuroFMError) as refused:
        fit(FEATURES, columns, task, scheme=QUICK)
    return str(refused.value)


def test_people_who_lack_a_covariate_are_counted_and_not_said_to_lack_the_target(caplog):
    task = Task("t", "clinical", "regression", "y", covariates=("MADRS",))
    with caplog.at_level(logging.WARNING, "neurofm_bids"):
        told = refusal(task, table(range(7), y=[*range(22), *[""] * 38]))
    assert told.startswith("7 of 22 people remain: MADRS is not known for 15; 20 are needed: task t. ")
    assert "with a value of y" not in told
    assert "MADRS is not known; left out: row 7" in caplog.text


def test_a_class_that_lacks_a_covariate_is_not_said_to_be_absent():
    task = Task("t", "clinical", "binary", "y", positive="depr", covariates=("MADRS",))
    told = refusal(task, table(range(30), y=["depr"] * 30 + ["control"] * 30))
    assert told.startswith("30 of 60 people remain: MADRS is not known for 30; the target y has 1 values")
    assert "multiclass" not in told


def test_a_target_that_is_at_fault_itself_is_told_so():
    task = Task("t", "clinical", "binary", "y", positive="depr", covariates=("MADRS",))
    told = refusal(task, table(range(30), y=["depr"] * 30 + ["control"] * 15 + ["other"] * 15))
    assert told.startswith("the target y has 3 values, not 2")


def test_a_person_remains_with_one_usable_scan():
    assert people_left("aab", [True] * 3, ["x is not known", "", ""]) == ""
    assert people_left("aab", [True] * 3, ["x", "x", ""], excluded=[2]) == "0 of 1 people remain: x for 1"
