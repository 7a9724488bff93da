import logging
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from neurofm_bids.readouts import batch
from neurofm_bids.readouts.batch import Data, fit_tasks, readout_path
from neurofm_bids.readouts.file import read_readout
from neurofm_bids.readouts.task import Task, Times
from tests.readouts.cohorts import QUICK, samples_of, table_of
from tests.readouts.test_hazard_model import cohort

SCHEME = replace(QUICK, permutations=19, replicates=2, bootstraps=10)


@pytest.fixture(scope="module")
def data():
    samples = samples_of(scans=80, width=12)
    rng = np.random.default_rng(0)
    table = {**table_of(samples), "noise": rng.normal(size=80), "few": ["a"] * 78 + ["b"] * 2}
    table["group"] = np.where(samples.target > 11, "b", "a")
    return Data(samples.features, table, tuple(f"f{k:03d}" for k in range(12)), dataset="A", scheme=SCHEME)


TASKS = (
    Task("value", "cognitive", "regression", "y", covariates=("c",)),
    Task("noise", "cognitive", "regression", "noise"),
    Task("few", "clinical", "binary", "few", positive="b"),
    Task("group", "clinical", "binary", "group", positive="b"),
)


def test_files_are_equal_whatever_the_number_of_processes(data, tmp_path):
    one, two = (fit_tasks(data, TASKS, tmp_path / str(n), n) for n in (1, 2))
    assert list(one.readouts) == ["value", "noise", "group"]
    assert one.readouts == two.readouts
    assert list(one.refused) == ["few"]
    assert "2 with b" in str(two.refused["few"])
    for name in one.readouts:
        files = [readout_path(tmp_path / n, name).read_bytes() for n in "12"]
        assert files[0] == files[1]
        assert read_readout(readout_path(tmp_path / "1", name)).digest == one.readouts[name].digest


@pytest.mark.parametrize("processes", [1, 2])
def test_what_workers_log_reaches_the_log_of_the_run(data, tmp_path, caplog, capfd, processes):
    lacking = replace(data, table={**data.table, "c": ["", *data.table["c"][1:]]})
    tasks = (TASKS[0], replace(TASKS[0], name="again"))
    with caplog.at_level(logging.WARNING, "neurofm_bids"):
        fit_tasks(lacking, tasks, tmp_path, processes)
    told = sorted(record.getMessage() for record in caplog.records)
    assert [text.split(";")[0] for text in told] == [
        "Task again: c is not known",
        "Task value: c is not known",
    ]
    assert {record.name for record in caplog.records} == {"neurofm_bids.readouts.fit"}
    assert not [line for line in capfd.readouterr().err.splitlines() if line.startswith("Task")]


def test_p_values_are_corrected_over_the_tasks(data, tmp_path):
    found = fit_tasks(data, TASKS[:2], tmp_path).readouts
    assert found["value"].evaluation.p_value == 0.05
    assert found["value"].evaluation.p_corrected == 0.1


def test_a_readout_does_not_depend_on_the_other_tasks(data, tmp_path):
    path = readout_path(tmp_path, "value")
    alone = fit_tasks(data, TASKS[:1], tmp_path).readouts["value"]
    file = path.read_bytes()
    beside = fit_tasks(data, TASKS[:2], tmp_path).readouts["value"]
    assert (beside.digest, path.read_bytes()) == (alone.digest, file)
    assert (alone.evaluation.p_corrected, beside.evaluation.p_corrected) == (0.05, 0.1)
    assert read_readout(path).evaluation.p_corrected is None


def test_finished_tasks_are_not_fitted_again(data, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    first = fit_tasks(data, TASKS[:1], tmp_path)
    assert "[1/1] readout value: r " in caplog.text
    fitted = []
    original = batch.fit

    def spy(features, table, task, **more):
        fitted.append(task.name)
        return original(features, table, task, **more)

    monkeypatch.setattr(batch, "fit", spy)
    again = fit_tasks(data, TASKS[:2], tmp_path)
    assert fitted == ["noise"]
    assert "Readout value: up to date" in caplog.text
    assert again.readouts["value"].functions == first.readouts["value"].functions
    changed = replace(data, table={**data.table, "y": list(reversed(data.table["y"]))})
    fit_tasks(changed, TASKS[:1], tmp_path)
    assert fitted == ["noise", "value"]
    readout_path(tmp_path, "value").write_text("{")
    fit_tasks(changed, TASKS[:1], tmp_path)
    assert fitted == ["noise", "value", "value"]
    assert fit_tasks(replace(changed, license="MIT"), TASKS[:1], tmp_path).readouts["value"].license == "MIT"


LONG = """
from dataclasses import replace
from pathlib import Path
from neurofm_bids.readouts.batch import Data, fit_tasks
from neurofm_bids.readouts.cross_validation import Scheme
from neurofm_bids.readouts.task import Task
from tests.readouts.cohorts import samples_of, table_of
if __name__ == "__main__":
    samples = samples_of(scans=80, width=12)
    names = tuple(f"f{k:03d}" for k in range(12))
    data = Data(samples.features, table_of(samples), names, scheme=Scheme(replicates=10**7))
    tasks = [Task(name, "cognitive", "regression", "y") for name in "abc"]
    fit_tasks(data, tasks, Path("nowhere"), 2)
"""


def busy(process):
    """Return the processes that compute for a process, once there are two."""
    for _ in range(600):
        workers = [one for one in process.children(recursive=True) if one.cpu_times().user > 0.5]
        if len(workers) >= 2:
            return workers
        time.sleep(0.1)
    pytest.fail("no two processes began to compute")


def test_processes_end_with_the_run_that_is_killed(tmp_path):
    path = tmp_path / "long.py"
    path.write_text(LONG)
    root = Path(__file__).resolve().parents[2]
    environ = {**os.environ, "PYTHONPATH": str(root)}
    run = subprocess.Popen([sys.executable, str(path)], cwd=tmp_path, env=environ)
    workers = busy(psutil.Process(run.pid))
    run.kill()
    run.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    for one in alive:
        one.kill()
    assert alive == []


def test_a_file_of_a_task_that_is_refused_now_is_removed(data, tmp_path):
    path = readout_path(tmp_path, "few")
    path.write_text("{}")
    fit_tasks(data, TASKS[2:3], tmp_path)
    assert not path.exists()


def test_a_readout_that_a_file_cannot_hold_does_not_stop_other_tasks(data, tmp_path, monkeypatch):
    original = batch.fit

    def odd(features, table, task, **more):
        readout = original(features, table, task, **more)
        return replace(readout, scores=()) if task.name == "noise" else readout

    monkeypatch.setattr(batch, "fit", odd)
    found = fit_tasks(data, TASKS[:2], tmp_path)
    assert "scores are not 101 increasing percentiles" in str(found.refused["noise"])
    assert list(found.readouts) == ["value"]
    assert not readout_path(tmp_path, "noise").exists()


def test_event_times_that_differ_by_floating_point_can_be_fitted(tmp_path):
    samples = cohort(150)
    times = samples.target[:, 1].round(1)
    ages = samples.covariates[:, 0].round(1)
    table = {
        "years": [
            (age + time) - age if row % 2 else time
            for row, (age, time) in enumerate(zip(ages, times, strict=True))
        ],
        "outcome": np.array(["alive", "dementia", "death"])[samples.target[:, 2].astype(int)],
    }
    times = Times("years", "dementia", "death", horizons=(5.0,))
    task = Task("dementia", "clinical", "time-to-event", "outcome", times=times)
    data = Data(samples.features, table, tuple(f"f{k:03d}" for k in range(6)), scheme=SCHEME)
    found = fit_tasks(data, (task,), tmp_path)
    assert not found.refused
    at = read_readout(readout_path(tmp_path, "dementia")).baselines[0].times
    assert [float(f"{time:.1f}") for time in at] == list(at)
