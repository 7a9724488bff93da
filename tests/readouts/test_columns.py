import numpy as np
import pytest

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.readouts.columns import numbers, scan_values, texts
from neurofm_bids.records.scan import Identity
from neurofm_bids.storage.text import nearest
from tests.conftest import write_dataset_files


def test_a_column_is_text_whatever_it_was():
    assert texts([1.0, 2, "a ", None, float("nan"), "N/A", np.int64(3), True]) == (
        *("1", "2", "a", "", "", ""),
        *("3", "true"),
    )


@pytest.mark.parametrize(
    ("column", "values"),
    [(["1", "", "2.5"], [1, np.nan, 2.5]), (["1", "x"], None), (["1e-3"], [0.001]), (["nan"], None)],
)
def test_numbers_are_read_only_where_all_are(column, values):
    found = numbers(column)
    assert (found is None) if values is None else np.array_equal(found, values, equal_nan=True)


def test_age_is_in_years_and_sex_has_one_spelling(tmp_path):
    root = write_dataset_files(
        tmp_path / "bids", "participant_id\tage\tsex\tgroup\nsub-01\t034Y\tfemale\tx\nsub-02\t18-38\t?\tx\n"
    )
    rows = [scan_values(Covariates(root), Identity("", f"sub-{s}", s)) for s in ("01", "02")]
    assert rows[0] == {"participant_id": "sub-01", "age": "34", "sex": "F", "group": "x"}
    assert (rows[1]["age"], rows[1]["sex"]) == ("", "?")


def test_sex_and_gender_stand_for_each_other():
    assert nearest("sex", ["age", "Gender", "set"]) == "Did you mean 'Gender'? "
    assert nearest("gender", ["sex", "genre"]) == "Did you mean 'sex'? "
    assert nearest("sex", ["age", "group"]) == ""
