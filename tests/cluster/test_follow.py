"""Following an array whose tasks end while it is followed; test_process.py follows whole runs."""

import os
from dataclasses import replace

import pytest

from neurofm_bids.cluster.array import new_array
from neurofm_bids.cluster.follow import Follower
from neurofm_bids.cluster.script import Folder
from neurofm_bids.cluster.sizing import Size
from neurofm_bids.cluster.slurm import TaskState
from neurofm_bids.config import Outputs
from neurofm_bids.engine.process import Processed
from neurofm_bids.engine.run_log import RunLog


class Progress:
    def __init__(self):
        self.names = []

    def scan_done(self, name, failure):
        self.names.append(name)


@pytest.fixture
def start(config, make_job):
    """Return a function that submits two tasks and returns what follows them, and what that fills."""

    def start(**groups):
        job, processed, progress = make_job(replace(config, **groups)), Processed(), Progress()
        log = RunLog(config.out_dir, config)
        array = new_array(job.config, Folder(log.folder), job.scans, Size(2, 1000, 20))
        log.close()
        return Follower(job, array, job.scans, log, processed, progress), processed, progress

    return start


def answers(monkeypatch, *looks):
    """Let SLURM answer with these states, look after look; None for no answer, the last one from then on."""
    left = list(looks)

    def states(job, tasks):
        look = left.pop(0) if len(left) > 1 else left[0]
        return None if look is None else {task: TaskState(look[task], 0, 0) for task in tasks}

    monkeypatch.setattr("neurofm_bids.cluster.follow.array_states", states)


def test_scans_count_while_their_task_is_running(start, monkeypatch, slurm):
    slurm.plan({"03": ["silent"]})
    follower, processed, progress = start()
    answers(
        monkeypatch,
        {1: "RUNNING", 2: "PENDING"},
        {1: "RUNNING", 2: "RUNNING"},
        {1: "COMPLETED", 2: "COMPLETED"},
    )
    following = follower.follow()
    next(following)
    assert progress.names[:3] == ["sub-01", "sub-02", "sub-04"]
    list(following)
    assert [failure.subject for failure in processed.failed] == ["03"]


def test_no_answer_of_slurm_ends_nothing(start, monkeypatch):
    follower, processed, _ = start()
    answers(monkeypatch, None, None, {1: "COMPLETED", 2: "COMPLETED"})
    assert list(follower.follow()) == [{"01", "03"}, {"02", "04"}]
    assert len(processed.done) == 4


def test_a_task_that_is_requeued_goes_on(start, monkeypatch):
    follower, processed, _ = start()
    both = {1: "COMPLETED", 2: "COMPLETED"}
    answers(monkeypatch, both | {2: "RUNNING"}, both | {2: "COMPLETING"}, both | {2: "REQUEUED"}, both)
    assert list(follower.follow()) == [{"01", "03"}, {"02", "04"}]
    assert processed.failed == []


def test_what_a_task_wrote_may_be_seen_late(start, monkeypatch, slurm):
    """As through a network file system."""
    follower, processed, _ = start()
    done = slurm.folder / "done-03"
    done.rename(slurm.folder / "later")
    monkeypatch.setattr("neurofm_bids.cluster.follow.PATIENCE", 60.0)
    looks = 0

    def states(job, tasks):
        nonlocal looks
        looks += 1
        if looks == 3:
            (slurm.folder / "later").rename(done)
        return dict.fromkeys(tasks, TaskState("COMPLETED", 0, 0))

    monkeypatch.setattr("neurofm_bids.cluster.follow.array_states", states)
    list(follower.follow())
    assert len(processed.done) == 4


def test_with_force_outputs_older_than_the_index_do_not_count(start, slurm):
    slurm.plan({label: ["silent"] for label in ("01", "02", "03")})
    for label in ("01", "02", "03"):
        (slurm.folder / f"done-{label}").touch()
        os.utime(slurm.folder / f"done-{label}", (1, 1))
    follower, processed, _ = start(outputs=Outputs(force=True))
    list(follower.follow())
    assert [scan.subject for scan in processed.done] == ["04"]
    assert sorted(failure.subject for failure in processed.failed) == ["01", "02", "03"]
