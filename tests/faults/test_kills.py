"""Workers and the command itself are killed, at random and by a memory limit."""

import os
import random
import shutil
import signal
import subprocess
import time

import psutil
import pytest

from neurofm_bids.pipeline import steps as pipeline
from tests.faults.command import (
    arguments,
    is_complete,
    make_dataset,
    place_of,
    run,
    start,
    tree,
    wait_until_at_work,
)
from tests.tables import failed_rows, read_rows

pytestmark = pytest.mark.slow

ALL_STEPS = tuple(step.name for step in pipeline.STEPS if step.name != "attribution")  # not asked for
# Writing takes less than the time between two looks at the processes: it cannot be hit from outside.
STEPS = tuple(name for name in ALL_STEPS if name != "write")


@pytest.fixture(scope="module")
def killed_in_every_step(brain_image, tmp_path_factory):
    """All scans but one lose every worker that comes to one of their steps, each in another one."""
    folder = tmp_path_factory.mktemp("kills")
    root, out = make_dataset(folder / "bids", brain_image, len(STEPS) + 1), folder / "out"
    victims = {(f"scan_{number}", step) for number, step in enumerate(STEPS)}
    process = start(arguments(root, out))
    me, end, most = psutil.Process(process.pid), time.monotonic() + 500, 0
    while process.poll() is None:
        most = max(most, len(list((folder / "work").glob("*/0/chunk/scan_*/brain_extraction"))))
        assert time.monotonic() < end, "it hangs"
        for child in me.children(recursive=True) if me.is_running() else ():
            if place_of(child) in victims:
                child.kill()
        time.sleep(0.02)
    return process.returncode, out, most


@pytest.mark.fault("A worker is killed in every step but the short ones", "those scans fail, exit code 1")
def test_a_kill_in_any_step_costs_only_that_scan(killed_in_every_step):
    code, out, _ = killed_in_every_step
    assert code == 1
    rows = failed_rows(out)
    assert {scan.split("/")[0]: row["step"] for scan, row in rows.items()} == {
        f"sub-{number:02d}": step for number, step in enumerate(STEPS)
    }
    assert all("(SIGKILL)" in row["reason"] and "--mem" in row["fix"] for row in rows.values())
    assert is_complete(out, f"{len(STEPS):02d}")
    assert not any(is_complete(out, f"{number:02d}") for number in range(len(STEPS)))


def test_a_killed_step_is_in_the_table_of_times(killed_in_every_step):
    _, out, _ = killed_in_every_step
    rows = read_rows(next(out.glob("logs/*/timing.tsv")))
    killed = {(row["scan"], row["step"]) for row in rows if row["outcome"] == "killed"}
    assert killed == {(f"sub-{number:02d}", step) for number, step in enumerate(STEPS)}
    done = [row for row in rows if row["scan"] == f"sub-{len(STEPS):02d}"]
    assert sorted(row["step"] for row in done) == sorted(ALL_STEPS)
    assert all(float(row["seconds"]) > 0 and float(row["peak_memory_mb"]) > 100 for row in done)


@pytest.mark.fault(
    "More scans than the work folder could hold",
    "it contains only scans in progress, and is empty at the end",
)
def test_the_work_folder_holds_what_is_at_work(killed_in_every_step):
    _, out, most = killed_in_every_step
    assert 1 <= most <= 3  # of all, with two processors; one may wait for its second try
    assert list((out.parent / "work").iterdir()) == []


@pytest.mark.slow
@pytest.mark.fault(
    "The process that starts workers (forkserver) is killed", "the run continues with a new one"
)
def test_the_forkserver_is_killed(brain_image, tmp_path):
    root, out = make_dataset(tmp_path / "bids", brain_image, 2), tmp_path / "out"
    process = start(arguments(root, out))
    wait_until_at_work(process)
    children = psutil.Process(process.pid).children()
    servers = [child for child in children if "forkserver" in " ".join(child.cmdline())]
    assert servers
    for server in servers:
        server.kill()
    said = process.communicate(timeout=500)[1]
    assert process.returncode == 0, said
    assert is_complete(out, "00")
    assert is_complete(out, "01")


class _Undisturbed:
    """A dataset of three scans and the outputs of a run of it that nothing disturbed."""

    def __init__(self, folder, brain_image):
        root, self.out = make_dataset(folder / "bids", brain_image, 3), folder / "out"
        self.command = arguments(root, self.out, "--bias-correction", "none")  # it takes most of the time
        began = time.monotonic()
        code, said = run(self.command)
        assert code == 0, said
        self.seconds, self.files = time.monotonic() - began, tree(self.out)
        shutil.rmtree(self.out)  # the command line is in the reports: runs to compare have the same folder


@pytest.fixture(scope="module")
def undisturbed(brain_image, tmp_path_factory):
    return _Undisturbed(tmp_path_factory.mktemp("undisturbed"), brain_image)


def kill_and_rerun(undisturbed, kills, seed):
    """Kill whole runs at random moments, begin anew when all is done, and compare every finished tree."""
    random_moment, out, compared = random.Random(seed), undisturbed.out, 0
    for _ in range(kills):
        process = start(undisturbed.command)
        try:
            process.wait(random_moment.uniform(0, undisturbed.seconds))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        assert all(is_complete(out, subject) is not False for subject in ("00", "01", "02"))
        if process.returncode == 0:
            compared += _compare(undisturbed, out)
    code, said = run(undisturbed.command)
    assert code == 0, said
    return compared + _compare(undisturbed, out)


def _compare(undisturbed, out):
    files = tree(out)
    assert sorted(files) == sorted(undisturbed.files)
    assert [name for name in files if files[name] != undisturbed.files[name]] == []
    shutil.rmtree(out)
    return 1


@pytest.mark.slow
@pytest.mark.fault(
    "The command and its workers are killed at 5 random moments", "a rerun gives the same bytes"
)
def test_kills_at_a_few_random_moments(undisturbed):
    assert kill_and_rerun(undisturbed, 5, seed=1) >= 1


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.fault(
    "The command and its workers are killed at 200 random moments", "a rerun gives the same bytes"
)
def test_kills_at_two_hundred_random_moments(undisturbed):
    assert kill_and_rerun(undisturbed, int(os.environ.get("NEUROFM_KILLS", "200")), seed=2) >= 1
