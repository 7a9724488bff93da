import pytest

from neurofm_bids.analysis.columns import check_columns
from neurofm_bids.errors import Exit, NeuroFMError


def test_a_column_that_does_not_exist_is_refused_with_the_nearest_name():
    check_columns(["moca"], {"moca": 1}, "file")
    with pytest.raises(NeuroFMError, match="no column 'moka'") as raised:
        check_columns(["moka"], ["moca", "age"], "file, key associations")
    assert raised.value.code == Exit.USAGE
    assert "Did you mean 'moca'?" in raised.value.fix
    assert "file, key associations" in str(raised.value)
