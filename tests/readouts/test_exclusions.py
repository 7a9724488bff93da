import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.exclusions import excluded_rows
from neurofm_bids.readouts.task import Task

COLUMNS = {"drug": ["yes", "no", "", "no"], "code": ["1.0", "2", "1", "01"]}


def task(**exclude):
    return Task("t", "clinical", "regression", "y", exclude=exclude)


def test_rows_are_excluded_with_the_first_reason():
    found = excluded_rows(task(drug=("yes",), code=("1",)), COLUMNS)
    assert found == {0: "drug is yes", 2: "code is 1", 3: "code is 01"}
    assert excluded_rows(task(), COLUMNS) == {}


def test_numbers_are_compared_as_numbers():
    assert [*excluded_rows(task(code=("1.0",)), COLUMNS)] == [0, 2, 3]


@pytest.mark.parametrize("value", ["Yes", "yess"])
def test_a_value_that_no_scan_has_is_refused_with_the_nearest(value):
    message = f"value '{value}' of the column drug, which no scan has: task t. Did you mean 'yes'"
    with pytest.raises(NeuroFMError, match=message):
        excluded_rows(task(drug=("no", value)), COLUMNS)
