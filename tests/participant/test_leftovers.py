import json
import subprocess
import sys

import pytest

from neurofm_bids.bids.discovery import find_scans
from neurofm_bids.config import Config, Running
from neurofm_bids.engine.claims import lock_name
from neurofm_bids.participant.job import make_job
from neurofm_bids.participant.leftovers import remove_leftovers
from neurofm_bids.storage.locks import Locks

IMAGES = [f"sub-0{number}/anat/sub-0{number}_T1w.nii.gz" for number in (1, 2)]
FULL, HALF = ("sub-01", "sub-02"), (".tmp-sub-01", ".tmp-sub-02")


@pytest.fixture
def config(bids_dataset, tmp_path):
    for name in (*FULL, *HALF):
        folder = tmp_path / "out/interim" / name
        folder.mkdir(parents=True)
        (folder / "signature.json").write_text("{}")
    return Config(bids_dataset(*IMAGES), tmp_path / "out")


def left(config):
    return sorted(path.name for path in config.out_dir.glob("interim/*"))


@pytest.mark.parametrize(
    ("running", "expected"),
    [
        (Running(), [".tmp-sub-02", "sub-02"]),
        (Running(stage="encode"), [".tmp-sub-02", "sub-02"]),
        (Running(keep_work=True), [".tmp-sub-02", "sub-01", "sub-02"]),
        (Running(stage="preprocess"), [".tmp-sub-02", "sub-01", "sub-02"]),
    ],
)
def test_what_is_left_of_a_finished_scan_is_removed(config, running, expected):
    job = make_job(Config(config.bids_dir, config.out_dir, running=running))
    with Locks(config.out_dir / "lock") as locks:
        remove_leftovers(job, find_scans(config).scans[:1], locks)
    assert left(config) == expected


def test_nothing_is_left_when_all_scans_are_finished(config):
    with Locks(config.out_dir / "lock") as locks:
        remove_leftovers(make_job(config), find_scans(config).scans, locks)
    assert not (config.out_dir / "interim").exists()


def test_a_scan_that_another_run_is_processing_is_left_alone(config):
    scans = find_scans(config).scans
    code = (
        "import sys; from pathlib import Path; from neurofm_bids.storage.locks import Locks\n"
        "with Locks(Path(sys.argv[1])) as locks: print(locks.try_acquire(sys.argv[2]), flush=True); input()"
    )
    path = config.out_dir / "lock"
    command = [sys.executable, "-c", code, str(path), lock_name(scans[0])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert json.loads(other.stdout.readline().lower())
        with Locks(path) as locks:
            remove_leftovers(make_job(config), scans, locks)
        other.communicate("\n")
    assert left(config) == [".tmp-sub-01", "sub-01"]
