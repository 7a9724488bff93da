import numpy as np

from neurofm_bids.readouts.assembly import assemble
from neurofm_bids.readouts.task import Task
from neurofm_bids.readouts.training import describe

TABLE = {
    "participant_id": ["a", "a", "b", "c"],
    "Sex": ["F", "F", "M", ""],
    "age": [20.4, 21, "", 33],
    "y": [1, 1, 2, 3],
    "g": ["x", "x", "y", "y"],
    "site": ["P", "P", "Q", "Q"],
}


def described(task):
    return describe(assemble(np.zeros((4, 1)), TABLE, task), TABLE, "Demo", "ab")


def test_people_are_counted_once():
    made = described(Task("t", "clinical", "multiclass", "g", site="site"))
    assert (made.scans, made.people, made.age_range) == (4, 3, (20.4, 33.0))
    assert (made.events, made.sexes, made.sites) == ({"x": 1, "y": 2}, {"F": 1, "M": 1}, {"P": 1, "Q": 2})
    assert made.fingerprint == "ab"
    assert made.description == "3 people of Demo (1 x, 2 y, 1 woman, 1 man, 20 to 33 years, 2 sites, 4 scans)"


def test_a_target_of_sex_is_said_once():
    assert described(Task("t", "developmental", "binary", "Sex", positive="M")).description == (
        "2 people of Demo (1 F, 1 M, 20 years, 3 scans)"
    )


def test_members_of_families_are_counted_one_by_one():
    table = {"y": range(6), "sex": [*"FMFMFF"], "family": [1, 1, 1, 2, 2, 2]}
    task = Task("t", "clinical", "regression", "y", groups="family")
    found = assemble(np.zeros((6, 1)), table, task)
    assert describe(found, table, "", "").description == "6 people (4 women, 2 men)"
