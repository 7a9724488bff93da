"""The folder of intermediate files, and what other runs left."""

import threading
import time

import pytest

from neurofm_bids.engine import monitor
from neurofm_bids.engine.work_folder import _live, work_folder
from tests.faults.command import hold


def left_behind(folder, name):
    path = folder / f"{_live()}{name}"
    path.mkdir()
    (path / "lock").touch()
    return path


@pytest.mark.fault("A run that was killed left its work folder", "the next run clears it, and no live one")
def test_folders_of_dead_runs_are_cleared(tmp_path):
    dead, live = left_behind(tmp_path, "dead"), left_behind(tmp_path, "live")
    kept, other = tmp_path / "neurofm-kept-older", tmp_path / "neurofm-run-othernode-1"
    kept.mkdir()
    other.mkdir()
    (other / "lock").touch()
    holder = hold(live / "lock", "run")
    try:
        with work_folder(tmp_path) as folder:
            assert not dead.exists()
            assert folder.is_dir()
            assert folder.stat().st_mode & 0o077 == 0
        assert set(tmp_path.iterdir()) == {live, kept, other}
    finally:
        holder.kill()


def test_links_are_not_followed(tmp_path):
    victim, work = tmp_path / "victim", tmp_path / "work"
    victim.mkdir()
    work.mkdir()
    (victim / "file").touch()
    (work / f"{_live()}link").symlink_to(victim)
    with work_folder(work):
        pass
    assert [path.name for path in victim.iterdir()] == ["file"]


def test_kept_folders_are_kept(tmp_path):
    with work_folder(tmp_path, keep=True) as folder:
        (folder / "file").touch()
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith("neurofm-kept-")
    assert (kept / "file").is_file()


def test_the_monitor_outlives_folders_that_vanish(tmp_path, monkeypatch):
    monkeypatch.setattr(monitor, "_SECONDS", 0.01)
    work, stop = tmp_path / "work", threading.Event()
    work.mkdir()

    def churn():
        while not stop.is_set():
            for number in range(20):
                (work / f"{number}" / "deep").mkdir(parents=True, exist_ok=True)
            for number in range(20):
                (work / f"{number}" / "deep").rmdir()
                (work / f"{number}").rmdir()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        with monitor.monitored(True, tmp_path, work):
            time.sleep(1.5)
            before = len((tmp_path / "resources.tsv").read_text().splitlines())
            time.sleep(1.5)
        assert len((tmp_path / "resources.tsv").read_text().splitlines()) > before > 3
    finally:
        stop.set()
        thread.join()
    assert list(work.iterdir()) == []
