import pandas as pd
import pytest

from neurofm_bids.analysis.age_gap.associations import associations
from neurofm_bids.analysis.age_gap.correction import corrected_gaps
from neurofm_bids.analysis.change.mixed_model import mixed_models
from neurofm_bids.analysis.change.person_table import change_per_year
from neurofm_bids.analysis.change.times import scan_times
from neurofm_bids.analysis.columns import check_columns, check_columns_of, column_of
from neurofm_bids.analysis.sites.effects import site_effects
from neurofm_bids.analysis.sites.model import learn_sites
from neurofm_bids.errors import Exit, NeuroFMError


def test_a_column_that_does_not_exist_is_refused_with_the_nearest_name():
    check_columns(["moca"], {"moca": 1}, "file")
    with pytest.raises(NeuroFMError, match="no column 'moka'") as raised:
        check_columns(["moka"], ["moca", "age"], "file, key associations")
    assert raised.value.code == Exit.USAGE
    assert "Did you mean 'moca'?" in raised.value.fix
    assert "file, key associations" in str(raised.value)


def test_a_table_without_a_column_is_refused_with_the_nearest_name():
    table = pd.DataFrame({"chronological_age_years": [40.0], "recorded_sex": ["F"]})
    check_columns_of(table, *table.columns)
    assert column_of(table, "recorded_sex").tolist() == ["F"]
    for name, meant in (("age", "chronological_age_years"), ("sex", "recorded_sex")):
        with pytest.raises(NeuroFMError, match=f"the table has no column '{name}'") as raised:
            column_of(table, name)
        assert f"Did you mean '{meant}'?" in raised.value.fix


TABLE = pd.DataFrame({"participant_id": ["sub-1"], "age": [40.0], "sex": ["F"], "gap": [1.0], "site": ["a"]})


@pytest.mark.parametrize(
    "call",
    [
        lambda: corrected_gaps(TABLE, "nosuch", "age", {"1"}),
        lambda: associations(TABLE, "gap", ["nosuch"]),
        lambda: associations(TABLE, "gap", ["age"], ["nosuch"]),
        lambda: change_per_year(TABLE, ["nosuch"]),
        lambda: change_per_year(TABLE, ["gap"], age="nosuch"),
        lambda: mixed_models(TABLE, ["gap"], sex="nosuch"),
        lambda: scan_times(TABLE, "nosuch"),
        lambda: learn_sites(TABLE, ["nosuch"]),
        lambda: site_effects(TABLE, ["nosuch"]),
        lambda: site_effects(TABLE, ["gap"], person="nosuch"),
    ],
)
def test_functions_for_tables_refuse_a_column_that_is_not_there(call):
    with pytest.raises(NeuroFMError, match="the table has no column 'nosuch'"):
        call()
