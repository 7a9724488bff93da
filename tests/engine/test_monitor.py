"""The table of what a run takes."""

import threading
import time

from neurofm_bids.engine.monitor import monitored
from tests.tables import read_rows


def test_nothing_is_written_unless_it_is_wanted(tmp_path):
    with monitored(False, tmp_path, tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_row_has_processes_memory_and_disk(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    (work / "file").write_bytes(bytes(3_000_000))
    with monitored(True, tmp_path, work, interval=0.05):
        time.sleep(0.5)
    rows = read_rows(tmp_path / "resources.tsv")
    assert list(rows[-1]) == ["seconds", "processes", "memory_mb", "cpu_percent", "work_mb"]
    assert int(rows[-1]["processes"]) >= 1
    assert int(rows[-1]["memory_mb"]) > 10
    assert rows[-1]["work_mb"] == "3"


def test_it_outlives_folders_that_vanish(tmp_path):
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
        with monitored(True, tmp_path, work, interval=0.01):
            time.sleep(1)
            before = len(read_rows(tmp_path / "resources.tsv"))
            time.sleep(1)
        assert len(read_rows(tmp_path / "resources.tsv")) > before > 2
    finally:
        stop.set()
        thread.join()
    assert list(work.iterdir()) == []
