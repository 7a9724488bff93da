"""What a step takes, as it is measured."""

import time

import numpy as np

from neurofm_bids.workflow.measure import Meter


def test_peak_is_that_of_this_piece_of_work_and_not_of_one_before():
    Meter()
    large = np.ones(50_000_000)
    with_large = Meter().read()["peak_memory_mb"]
    del large
    meter = Meter()
    time.sleep(0.01)
    read = meter.read()
    assert read["peak_memory_mb"] < with_large - 300
    assert read["seconds"] >= 0.01
    assert 0 <= read["cpu_seconds"] < 5
