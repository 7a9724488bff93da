"""What a step takes, as it is measured, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

CODE = """
import json, time
import numpy as np
from neurofm_bids.pipeline.resource_usage import Meter
large = np.ones(50_000_000)
first = Meter().read()
del large
meter = Meter()
time.sleep(0.01)
print(json.dumps([first, meter.read()]))
"""


def test_peak_is_that_of_this_piece_of_work_and_not_of_one_before():
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = json.loads(done.stdout)
    assert first["peak_memory_mb"] > 400
    assert second["peak_memory_mb"] < first["peak_memory_mb"] - 300
    assert second["seconds"] >= 0.01
    assert 0 <= second["cpu_seconds"] < 5
