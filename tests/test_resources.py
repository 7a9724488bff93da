"""Limits of processors and memory."""

import gc
import os

import pytest

from neurofm_bids.resources import (
    available_cpus,
    available_memory_gb,
    out_of_memory_kills,
    without_garbage_collection,
)

HERE = len(os.sched_getaffinity(0))
V2 = {"proc/self/cgroup": "0::/job/step\n"}
V1 = {"proc/self/cgroup": "4:memory:/job/step\n3:cpu,cpuacct:/job/step\n0::/\n"}
DOCKER = {"proc/self/cgroup": "4:memory:/docker/0123\n3:cpu:/docker/0123\n"}
NODE = "sys/fs/cgroup"


def root(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.fault(
    "The job may use fewer processors than the node has",
    "the limits of cgroup v1, v2 and SLURM are respected",
)
@pytest.mark.parametrize(
    ("files", "environ", "expected"),
    [
        ({}, {}, HERE),
        (V2 | {f"{NODE}/job/cpu.max": "100000 100000"}, {}, 1),
        (V2 | {f"{NODE}/job/step/cpu.max": "max 100000"}, {}, HERE),
        (V2 | {f"{NODE}/job/step/cpu.max": "20000 100000"}, {}, 1),
        (V2 | {f"{NODE}/other/cpu.max": "20000 100000"}, {}, HERE),
        (
            V1
            | {f"{NODE}/cpu/job/cpu.cfs_quota_us": "150000", f"{NODE}/cpu/job/cpu.cfs_period_us": "100000"},
            {},
            1,
        ),
        (
            V1 | {f"{NODE}/cpu/job/cpu.cfs_quota_us": "-1", f"{NODE}/cpu/job/cpu.cfs_period_us": "100000"},
            {},
            HERE,
        ),
        (
            DOCKER | {f"{NODE}/cpu/cpu.cfs_quota_us": "50000", f"{NODE}/cpu/cpu.cfs_period_us": "100000"},
            {},
            1,
        ),
        ({}, {"SLURM_CPUS_PER_TASK": "1"}, 1),
        ({}, {"SLURM_CPUS_ON_NODE": "1"}, 1),
        ({}, {"SLURM_CPUS_PER_TASK": "junk"}, HERE),
    ],
)
def test_cpus_follow_the_tightest_limit(tmp_path, files, environ, expected):
    assert available_cpus(environ, root(tmp_path, files)) == expected


@pytest.mark.fault(
    "The job may use less memory than the node has", "the limits of cgroup v1, v2 and SLURM are respected"
)
@pytest.mark.parametrize(
    ("files", "environ", "gigabytes"),
    [
        (V2 | {f"{NODE}/job/step/memory.max": "2000000000"}, {}, 1.8),
        (V2 | {f"{NODE}/job/step/memory.max": "max", f"{NODE}/job/memory.max": "3000000000"}, {}, 2.7),
        (V1 | {f"{NODE}/memory/job/memory.limit_in_bytes": "1000000000"}, {}, 0.9),
        (DOCKER | {f"{NODE}/memory/memory.limit_in_bytes": "1000000000"}, {}, 0.9),
        (V2 | {f"{NODE}/memory.max": "max"}, {"SLURM_MEM_PER_NODE": "1000"}, 0.9),
        ({}, {"SLURM_MEM_PER_CPU": "500", "SLURM_CPUS_ON_NODE": "2"}, 0.9),
    ],
)
def test_memory_follows_the_tightest_limit(tmp_path, files, environ, gigabytes):
    assert available_memory_gb(environ, root(tmp_path, files)) == pytest.approx(gigabytes)


def test_all_memory_of_a_node_is_no_limit(tmp_path):
    assert available_memory_gb({"SLURM_MEM_PER_NODE": "0"}, tmp_path) == available_memory_gb({}, tmp_path)


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({}, 0),
        (V2 | {f"{NODE}/job/memory.events": "low 0\noom 4\noom_kill 3\n"}, 3),
        (V1 | {f"{NODE}/memory/job/step/memory.oom_control": "oom_kill_disable 0\noom_kill 2\n"}, 2),
    ],
)
def test_kills_for_lack_of_memory_are_counted(tmp_path, files, count):
    assert out_of_memory_kills(root(tmp_path, files)) == count


def test_garbage_is_collected_again_afterwards():
    with without_garbage_collection():
        assert not gc.isenabled()
        with without_garbage_collection():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
