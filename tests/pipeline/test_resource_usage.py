"""What a step takes, as it is measured, in a process of its own."""

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from neurofm_bids.pipeline.resource_usage import Meter


def measured():
    large = np.ones(50_000_000)
    first = Meter().read()
    del large
    meter = Meter()
    time.sleep(0.01)
    return first, meter.read()


def test_peak_is_that_of_this_piece_of_work_and_not_of_one_before():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        first, second = pool.submit(measured).result()
    assert first["peak_memory_mb"] > 400
    assert second["peak_memory_mb"] < first["peak_memory_mb"] - 300
    assert second["seconds"] >= 0.01
    assert 0 <= second["cpu_seconds"] < 5
