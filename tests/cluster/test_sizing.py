"""How many tasks, how much memory and time."""

from dataclasses import replace
from pathlib import Path

import pytest

from neurofm_bids.cluster.sizing import memory_mb, minutes, scan_seconds, size_of
from neurofm_bids.config import Cluster, Config, Processing, Running
from neurofm_bids.engine.plugin import MAIN_GB
from neurofm_bids.pipeline.steps import most_memory_gb


def config(processing=None, **options):
    return Config(
        Path("/in"), Path("/out"), processing=processing or Processing(), cluster=Cluster(**options)
    )


@pytest.mark.parametrize(
    ("options", "scans", "participants", "tasks"),
    [
        ({}, 1, 1, 1),
        ({}, 20, 20, 20),
        ({}, 200, 100, 50),
        ({}, 20_000, 20_000, 541),
        ({}, 100_000, 100_000, 1000),
        ({"slurm_scans": 4}, 20, 20, 5),
        ({"slurm_scans": 3}, 20, 20, 7),
        ({"slurm_scans": 1}, 20, 10, 10),  # the scans of a participant stay together
        ({"slurm_scans": 1, "slurm_tasks": 6}, 20, 20, 6),
        ({"slurm_cpus": 4}, 20_000, 20_000, 136),
    ],
)
def test_tasks(options, scans, participants, tasks):
    size = size_of(config(**options), scans, participants, most_tasks=1000, variant="s")
    assert size.tasks == tasks


def test_a_cluster_may_allow_fewer_tasks():
    assert size_of(config(), 100, 100, most_tasks=10, variant="s").tasks == 10


def test_fewer_tasks_get_more_time():
    many, few = (size_of(config(slurm_tasks=n), 1000, 1000, most_tasks=1000, variant="s") for n in (100, 10))
    assert few.minutes > 3 * many.minutes
    assert few.memory_mb == many.memory_mb


def test_memory_is_what_a_scan_on_each_processor_needs():
    one, four = (memory_mb(config(slurm_cpus=n)) for n in (1, 4))
    needed = MAIN_GB + most_memory_gb(Processing())
    assert needed < 0.9 * one * 2**20 / 1e9 < 1.15 * needed
    assert four - one == pytest.approx(3 * most_memory_gb(Processing()) / 0.9 * 1e9 / 2**20, abs=100)


def test_what_is_asked_for_is_what_a_task_gets():
    size = size_of(config(slurm_memory_gb=8.0, slurm_minutes=33), 5, 5, most_tasks=9, variant="s")
    assert (size.memory_mb, size.minutes) == (7630, 33)


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ({}, {"no_anatomy": True}),
        ({"views": 64}, {"views": 8}),
        ({"attribution": ("all",)}, {}),
    ],
)
def test_what_is_computed_takes_time(more, less):
    assert scan_seconds(Processing(**more), "s") > scan_seconds(Processing(**less), "s")


def test_larger_networks_take_more_time():
    assert scan_seconds(Processing(), "m") > scan_seconds(Processing(), "s")


def test_processors_share_the_scans_of_a_task():
    assert minutes(40, 60.0, 4) < minutes(40, 60.0, 1)
    assert minutes(1, 60.0, 4) == minutes(1, 60.0, 1)


def test_each_stage_asks_for_less():
    staged = {
        stage: replace(config(), running=Running(stage=stage)) for stage in ("all", "preprocess", "encode")
    }
    sizes = {
        stage: size_of(one, 10_000, 10_000, most_tasks=10_000, variant="l") for stage, one in staged.items()
    }
    assert sizes["preprocess"].tasks < sizes["all"].tasks
    assert sizes["preprocess"].memory_mb <= sizes["all"].memory_mb
    assert scan_seconds(Processing(), "s", "preprocess") < scan_seconds(Processing(), "s", "encode")
