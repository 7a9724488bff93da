import os

import pytest

from neurofm_bids.resources import available_cpus, available_memory_gb


@pytest.mark.parametrize(
    ("files", "environ", "expected"),
    [
        ({}, {}, len(os.sched_getaffinity(0))),
        ({"cpu.max": "100000 100000"}, {}, 1),
        ({"cpu.max": "max 100000"}, {}, len(os.sched_getaffinity(0))),
        ({"cpu/cpu.cfs_quota_us": "150000", "cpu/cpu.cfs_period_us": "100000"}, {}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, {}, len(os.sched_getaffinity(0))),
        ({"cpu.max": "20000 100000"}, {}, 1),
        ({}, {"SLURM_CPUS_PER_TASK": "1"}, 1),
        ({}, {"SLURM_CPUS_PER_TASK": "junk"}, len(os.sched_getaffinity(0))),
    ],
)
def test_cpus_follow_the_tightest_limit(tmp_path, files, environ, expected):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert available_cpus(environ, tmp_path) == expected


@pytest.mark.parametrize(
    ("files", "environ", "gigabytes"),
    [
        ({"memory.max": "2000000000"}, {}, 1.8),
        ({"memory/memory.limit_in_bytes": "1000000000"}, {}, 0.9),
        ({"memory.max": "max"}, {"SLURM_MEM_PER_NODE": "1000"}, 0.9 * 1000 * 1024**2 / 1e9),
    ],
)
def test_memory_follows_the_tightest_limit(tmp_path, files, environ, gigabytes):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert available_memory_gb(environ, tmp_path) == pytest.approx(gigabytes)
