import logging

import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.device import choose_device


@pytest.mark.parametrize("name", ["cuda:99", "nonsense"])
def test_devices_that_are_not_there(name):
    with pytest.raises(NeuroFMError) as error:
        choose_device(name)
    assert error.value.code is Exit.USAGE


def test_auto_says_where_the_network_runs_in_one_line(caplog):
    with caplog.at_level(logging.INFO):
        device = choose_device("auto")
    assert [record.getMessage() for record in caplog.records] == [f"The network runs on {device.type}."]
