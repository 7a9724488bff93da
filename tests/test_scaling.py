"""The simulated schedule of benchmarks/scaling.py."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurofm_bids.cluster.outcome import Killed
from neurofm_bids.cluster.sizing import START_SECONDS, Size

ROOT = Path(__file__).parents[1]


def benchmark(name):
    """Return a script of benchmarks/ as a module."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


schedule, scaling = benchmark("schedule"), benchmark("scaling")
IDEAL = schedule.Machines(nodes=2, cores=3)
SIZE = Size(tasks=12, memory_mb=2200, minutes=60)


def work(scans=5, tasks=12, heavy=(), size=SIZE):
    """Return tasks of scans of 10 to 20 s; those in ``heavy`` (task, scan) need the memory given there."""
    rng = np.random.default_rng(3)
    memory = [np.full(scans, 2000.0) for _ in range(tasks)]
    for task, scan, needed in heavy:
        memory[task][scan] = needed
    return schedule.Work(size, [rng.uniform(10, 20, scans) for _ in range(tasks)], memory)


def run(tasks, machines=IDEAL, seed=1):
    return schedule.simulate(tasks, machines, np.random.default_rng(seed))


def test_without_failures_core_hours_are_the_sum_of_all_scans_and_starts():
    tasks = work()
    done = run(tasks)
    expected = sum(START_SECONDS + seconds.sum() for seconds in tasks.seconds) / 3600
    assert done.core_hours == pytest.approx(expected, rel=1e-12)
    assert (done.finished, done.left, done.runs) == (60, 0, 12)
    assert not any(done.killed.values())


def test_wall_time_is_that_of_the_cores():
    tasks = work()
    done = run(tasks)
    assert done.core_hours / 6 <= done.wall_hours < done.core_hours / 6 + 120 / 3600
    alone = run(tasks, replace(IDEAL, nodes=1, cores=1))
    assert alone.wall_hours == pytest.approx(alone.core_hours)
    enough = run(tasks, replace(IDEAL, nodes=12))
    assert enough.wall_hours == pytest.approx(max(START_SECONDS + one.sum() for one in tasks.seconds) / 3600)


def test_memory_limits_how_many_tasks_a_node_runs():
    done = run(work(), schedule.Machines(nodes=1, cores=32, memory_mb=2 * 2200))
    assert done.core_hours / 2 <= done.wall_hours < done.core_hours / 2 + 120 / 3600


def test_a_task_killed_for_memory_gets_twice_as_much_and_goes_on_where_it_was():
    plain, killed = run(work()), run(work(heavy=[(4, 3, 4000.0)]))
    assert killed.killed[Killed.MEMORY] == 1
    assert (killed.finished, killed.left, killed.runs) == (60, 0, 13)
    lost = START_SECONDS + work().seconds[4][3] / 2
    assert killed.core_hours - plain.core_hours == pytest.approx(lost / 3600)


@pytest.mark.parametrize(("needed", "kills", "left"), [(8000.0, 2, 0), (9000.0, 3, 2)])
def test_a_scan_that_never_fits_leaves_what_comes_after_it(needed, kills, left):
    done = run(work(heavy=[(4, 3, needed)]))
    assert done.killed[Killed.MEMORY] == kills
    assert (done.finished, done.left) == (60 - left, left)


def test_tasks_do_not_get_more_memory_than_a_node_has():
    done = run(work(heavy=[(0, 0, 8000.0)]), schedule.Machines(nodes=1, memory_mb=5000))
    assert (done.killed[Killed.MEMORY], done.left) == (2, 5)
    with pytest.raises(ValueError, match="does not fit"):
        run(work(), schedule.Machines(nodes=1, memory_mb=1000))


def test_a_time_limit_is_doubled():
    done = run(work(scans=20, size=replace(SIZE, minutes=4)))
    assert done.killed[Killed.TIME] == 12
    assert (done.finished, done.left) == (240, 0)


def test_slow_nodes_take_longer_and_make_stragglers():
    plain, slow = (run(work(), replace(IDEAL, slow=share, slowness=3.0)) for share in (0.0, 1.0))
    assert slow.core_hours == pytest.approx(3 * plain.core_hours)
    assert slow.wall_hours == pytest.approx(3 * plain.wall_hours)


@pytest.mark.parametrize("seed", range(5))
def test_failing_nodes_cost_time_and_lose_nothing(seed):
    tasks = work(scans=40, tasks=60)
    plain = run(tasks)
    failing = run(tasks, replace(IDEAL, failures=40.0, repair_hours=0.2), seed)
    assert failing.killed[Killed.NODE] > 0
    assert failing.runs == 60 + failing.killed[Killed.NODE]
    assert (failing.finished, failing.left) == (2400, 0)
    assert failing.core_hours > plain.core_hours
    assert failing.wall_hours > plain.wall_hours


@pytest.mark.parametrize("scans", [1, 999, 12_345])
def test_no_scan_is_lost_at_any_size(scans):
    row = scaling.row(scans, scaling.NODES, seed=2)
    assert row.outcome.finished + row.outcome.left == scans


def test_equal_seeds_give_equal_rows_and_others_do_not():
    rows = [scaling.row(3000, scaling.NODES, seed=seed).outcome for seed in (1, 1, 2)]
    assert rows[0] == rows[1]
    assert rows[0] != rows[2]


def test_scans_have_the_measured_mean_and_spread():
    seconds = scaling.scan_seconds(200_000, np.random.default_rng(0))
    assert seconds.mean() == pytest.approx(np.mean(scaling.SECONDS), rel=0.01)
    assert np.log(seconds).std() == pytest.approx(np.std(np.log(scaling.SECONDS), ddof=1), rel=0.01)


def test_files_and_bytes_are_counted(tmp_path):
    for name, size in {
        "sub-01.html": 5000,
        "sub-01/anat/sub-01_desc-brain_mask.nii.gz": 10,
        "sub-01/anat/sub-01_desc-openS_features.tsv": 4096,
        "sub-01/figures/sub-01_desc-mask_T1w.svg": 1,
        "logs/run/neurofm.log": 100,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    counts = scaling.count(tmp_path)
    assert counts["report"] == scaling.Files(1, 5000, 8192)
    assert counts["masks, segmentation"] == scaling.Files(1, 10, 4096)
    assert counts["tables, records"] == scaling.Files(1, 4096, 4096)
    assert counts["figures"] == scaling.Files(1, 1, 4096)
    assert counts["of the folder"] == scaling.Files(1, 100, 4096)
    assert scaling.folders(tmp_path) == 3


@pytest.mark.parametrize("scans", [1000, 10_000])
def test_the_documentation_has_what_the_script_prints(scans):
    text = (ROOT / "docs" / "scaling.md").read_text()
    row = scaling.row(scans, scaling.NODES, seed=scaling.SEED)
    assert scaling.schedule_line(row) in text
    assert scaling.storage_line(scans) in text
