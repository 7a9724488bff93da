from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.assembly import assemble
from neurofm_bids.readouts.enough import LEAST_SITES, check_enough
from neurofm_bids.readouts.task import Task
from tests.readouts.cohorts import QUICK


def found(task, y, site=None, people=None, family=None):
    table = {"y": y, "site": site or ["A"] * len(y), "family": family}
    if people:
        table["participant_id"] = people
    features = np.random.default_rng(0).normal(size=(len(y), 3))
    return assemble(features, table, task)


def task(kind, **more):
    return Task("t", "clinical", kind, "y", **more)


VALUES, BINARY = task("regression"), task("binary", positive="b")
OUT = {"site": "site", "leave_site_out": True}


@pytest.mark.parametrize(
    ("of", "y", "message"),
    [
        (VALUES, list(range(19)), "there are 19 people with a value of y, and 20 are needed: task t"),
        (VALUES, [1] * 40, "all people have the same y"),
        (BINARY, ["a"] * 50 + ["b"] * 9, "50 with a, 9 with b.; at least 10 of each and 20 in all"),
        (task("multiclass"), ["a"] * 50 + ["b"] * 19 + ["c"] * 9, "9 with c"),
        (task("ordinal"), [1] * 30 + [2] * 30 + [3] * 4, "4 with 3.; at least 5 of each"),
        (replace(VALUES, leave_site_out=True), list(range(40)), "leave_site_out needs the column"),
        (replace(VALUES, **OUT), list(range(40)), f"there are 1 sites, .* needs {LEAST_SITES}"),
    ],
)
def test_too_few_people_are_refused(of, y, message):
    with pytest.raises(NeuroFMError, match=message):
        check_enough(found(of, y), of, QUICK)


def test_people_count_and_not_scans():
    y, people = list(range(60)), [f"p{k // 4}" for k in range(60)]
    with pytest.raises(NeuroFMError, match="there are 15 people"):
        check_enough(found(VALUES, y, people=people), VALUES, QUICK)
    check_enough(found(VALUES, y), VALUES, QUICK)


def test_sites_must_leave_people_of_each_class():
    of = replace(BINARY, **OUT)
    y = ["a"] * 30 + ["b"] * 12
    with pytest.raises(NeuroFMError, match="without the site C there are 2 people with y b"):
        check_enough(found(of, y, site=["A"] * 15 + ["B"] * 15 + ["A", "B"] + ["C"] * 10), of, QUICK)
    check_enough(found(of, y, site=[*"ABC"] * 14), of, QUICK)


def test_people_of_several_sites_are_refused():
    of = replace(VALUES, **OUT)
    people = ["p0", "p0", *(f"p{k}" for k in range(2, 45))]
    with pytest.raises(NeuroFMError, match="scanned at several sites"):
        check_enough(found(of, list(range(45)), site=[*"ABC"] * 15, people=people), of, QUICK)


def test_members_of_families_are_counted_one_by_one():
    of = replace(BINARY, groups="family")
    y = ["a", "b", "b"] * 40
    check_enough(found(of, y, family=[k // 3 for k in range(120)]), of, QUICK)
    with pytest.raises(NeuroFMError, match="people with a are in 4 groups by family, and 10 are needed"):
        check_enough(found(of, y, family=[k // 30 for k in range(120)]), of, QUICK)


def test_families_of_several_sites_are_refused():
    of = replace(VALUES, groups="family", **OUT)
    with pytest.raises(NeuroFMError, match="some groups by family were scanned at several sites"):
        check_enough(
            found(of, list(range(45)), site=[*"ABC"] * 15, family=[k // 3 for k in range(45)]), of, QUICK
        )
