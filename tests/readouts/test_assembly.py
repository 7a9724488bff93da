import numpy as np
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.assembly import assemble, columns_of
from neurofm_bids.readouts.task import Task, Times
from neurofm_bids.storage.text import nearest

TABLE = {
    "participant_id": ["sub-1", "sub-1", "sub-2", "sub-3", "sub-4", "", "sub-6"],
    "y": [1.0, 2.0, 3.0, "n/a", 5.0, 6.0, 7.0],
    "age": [20, 21, 30, 40, 50, 60, None],
    "site": ["B", "B", "A", "A", "B", "A", "B"],
    "family": ["x", "x", "y", "z", "y", "z", "z"],
    "use": ["yes", "yes", "yes", "yes", "no", "yes", "yes"],
}
FEATURES = np.arange(14.0).reshape(7, 2)


def task(**more):
    return Task("t", "clinical", "regression", "y", **more)


def test_scans_with_all_that_is_needed_are_kept_and_the_others_counted():
    found = assemble(FEATURES, TABLE, task(covariates=("age",), site="site", exclude={"use": ("no",)}))
    assert found.rows.tolist() == [0, 1, 2]
    assert found.left_out == {
        "age is not known": 1,
        "participant_id is not known": 1,
        "use is no": 1,
        "y is not known": 1,
    }
    assert found.samples.people.tolist() == [0, 0, 1]
    assert found.sites == ("A", "B")
    assert found.samples.sites.tolist() == [1, 1, 0]
    assert np.array_equal(found.samples.features, FEATURES[:3])
    assert found.samples.covariates[:, 0].tolist() == [20, 21, 30]


def test_a_scan_without_all_features_is_left_out():
    features = FEATURES.copy()
    features[1, 1] = np.nan
    found = assemble(features, TABLE, task())
    assert 1 not in found.rows
    assert found.left_out["the feature f001 is not known"] == 1


def test_the_feature_that_most_scans_lack_is_named():
    features = np.zeros((6, 3))
    features[[0, 1, 2], 2] = features[[1, 3], 0] = features[4] = np.nan
    found = assemble(features, {"y": range(6)}, task(), names=("brain", "a", "amygdala"))
    assert found.left_out == {
        "no feature is known": 1,
        "the feature amygdala is not known": 3,
        "the feature brain is not known": 1,
    }
    assert found.rows.tolist() == [5]


def test_groups_join_people_and_never_split_one():
    found = assemble(FEATURES, TABLE, task(groups="family"))
    assert found.samples.blocks.tolist() == [0, 0, 1, 1, 2]  # sub-2 and sub-4 are one family
    assert found.samples.people.tolist() == [0, 0, 1, 2, 3]
    sessions = {**TABLE, "session": ["1", "2", "1", "1", "2", "1", "1"]}
    blocks = assemble(FEATURES, sessions, task(groups="session")).samples.blocks
    assert blocks[0] == blocks[1]


def test_without_a_column_of_participants_each_scan_is_a_person():
    table = {"y": [1, 2, 3]}
    assert assemble(FEATURES[:3], table, task()).samples.people.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"covariates": ("aeg",)}, "covariates names the column 'aeg'.*task t. Did you mean 'age'"),
        ({"site": "scanner"}, "site names the column 'scanner'.*Columns are participant_id, y, age"),
        ({"exclude": {"use": ("yes", "no")}}, "no scan has all that the task needs .*use is yes"),
        ({"covariates": ("y",)}, "the covariate y is the target"),
    ],
)
def test_what_cannot_be_assembled_is_refused(more, message):
    with pytest.raises(NeuroFMError, match=message):
        assemble(FEATURES, TABLE, task(**more))


def test_columns_are_named_by_the_keys_of_a_task():
    one = task(covariates=("age", "y"), exclude={"use": ()}, times=Times("years", "dead"))
    assert columns_of(one) == {"y": "target", "age": "covariates", "use": "exclude", "years": "times"}
    assert nearest("Agee", ["age"]) == "Did you mean 'age'? "
    assert nearest("zzz", ["age"]) == ""


def test_a_covariate_of_numbers_with_a_text_is_refused():
    table = {"y": range(30), "age": [*range(20, 49), "unknown"]}
    with pytest.raises(NeuroFMError, match=r"covariate age has texts among numbers \(unknown\): task t"):
        assemble(np.zeros((30, 1)), table, task(covariates=("age",)))
