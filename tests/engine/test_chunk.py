"""What becomes of the scans of a chunk when their nodes end, fail, die, or are never heard of."""

import errno
import json
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from neurofm_bids.config import Config, Running
from neurofm_bids.engine.chunk import Chunk
from neurofm_bids.engine.progress import Progress
from neurofm_bids.engine.run_log import RunLog
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pipeline.nipype_graph import TIMING, step_folder
from neurofm_bids.pipeline.steps import STEPS
from neurofm_bids.records.failure import Failure
from neurofm_bids.records.schema import to_text
from tests.engine.scans import scan
from tests.tables import read_rows

FIRST, LAST = STEPS[0].name, STEPS[-1].name
DEATH = NeuroFMError("the worker process was killed", fix="Use a lower --mem.", code=Exit.TRY_AGAIN)


def node(index, step):
    return SimpleNamespace(fullname=f"chunk.scan_{index}.{step}")


class Case:
    """A chunk of three scans with everything around it."""

    def __init__(self, folder, **running):
        self.out, self.forgotten, self.forget_error = folder / "out", [], None
        self.out.mkdir()
        config = Config(Path("/bids"), self.out, running=Running(**running))
        self.log = RunLog(self.out, config)
        self.folder = folder / "work"
        scans = [scan(n) for n in range(3)]
        self.chunk = Chunk(config, scans, self.folder, self.forget, self.log, Progress(3))
        for index in range(3):
            step_folder(self.folder, index, FIRST).mkdir(parents=True)

    def forget(self, scan):
        self.forgotten.append(scan.subject)
        if self.forget_error:
            raise self.forget_error

    def write(self, index, step, name, text):
        folder = step_folder(self.folder, index, step)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    def record(self, index, step, code):
        failure = Failure("sub-0/anat/sub-0_T1w.nii", "0", "sub-0", step, "it is bad", "Fix it.", "", code)
        self.write(index, step, "failure.json", to_text(failure, Failure))

    def table(self, name):
        return read_rows(self.log.folder / name)

    @property
    def failed(self):
        return {failure.stem: failure for failure in self.chunk.failed_scans}


@pytest.fixture
def make(tmp_path):
    cases = []

    def run(**running):
        cases.append(Case(tmp_path, **running))
        return cases[-1]

    yield run
    for case in cases:
        case.log.close()


def test_a_scan_is_done_after_its_last_step_and_its_folder_is_removed(make):
    case = make()
    taken = {"seconds": 1.5, "cpu_seconds": 1.25, "peak_memory_mb": 900.0}
    case.write(0, FIRST, TIMING, json.dumps(taken))
    for step in STEPS:
        assert case.chunk.done == []
        case.chunk.started(node(0, step.name))
        case.chunk.ended(node(0, step.name))
    assert case.chunk.done == [scan(0)]
    assert not step_folder(case.folder, 0).exists()
    assert step_folder(case.folder, 1).is_dir()
    rows = case.table("timing.tsv")
    assert [(row["scan"], row["step"], row["outcome"]) for row in rows] == [
        ("sub-0", step.name, "done") for step in STEPS
    ]
    assert {name: float(rows[0][name]) for name in taken} == taken
    assert rows[1]["peak_memory_mb"] == "n/a"
    assert case.forgotten == []


def test_kept_folders_stay(make):
    case = make(keep_work=True)
    case.chunk.ended(node(0, LAST))
    assert step_folder(case.folder, 0).is_dir()


def test_a_recorded_failure_fails_its_scan_alone(make):
    case = make()
    case.record(0, FIRST, Exit.DATA)
    case.chunk.failed(node(0, FIRST), "trace", errno.ENOSPC)  # what the step recorded is known better
    assert case.failed["sub-0"].reason == "it is bad"
    assert case.forgotten == ["0"]
    (row,) = case.table("failed.tsv")
    assert (row["step"], row["reason"], row["fix"]) == (FIRST, "it is bad", "Fix it.")


def test_a_failure_without_a_record_leaves_a_crash_file(make):
    case = make()
    case.chunk.failed(node(1, FIRST), "Traceback: all of it", None)
    assert case.failed["sub-1"].reason == "the step terminated without an error message"
    (path,) = case.log.folder.glob("crash-sub-1-*.txt")
    assert "Traceback: all of it" in path.read_text()


@pytest.mark.parametrize(
    ("number", "message", "code"),
    [
        (errno.ENOSPC, "the disk is full", Exit.IO),
        (errno.ENOENT, "vanished", Exit.IO),
        (errno.EROFS, "read-only", Exit.CANT_CREATE),
    ],
)
def test_a_disk_on_which_no_failure_can_be_recorded_ends_the_run(make, number, message, code):
    case = make()
    case.write(0, FIRST, "failure.json", "")  # there was room for its name only
    with pytest.raises(NeuroFMError, match=message) as error:
        case.chunk.failed(node(0, FIRST), "", number)
    assert error.value.code is code
    assert str(case.folder) in str(error.value)


@pytest.mark.parametrize(
    ("code", "writable", "ends"),
    [
        (Exit.DATA, True, False),
        (Exit.IO, True, True),
        (Exit.CANT_CREATE, True, False),
        (Exit.CANT_CREATE, False, True),
    ],
)
def test_a_failure_that_would_hit_every_scan_ends_the_run(make, monkeypatch, code, writable, ends):
    case = make()
    case.record(0, LAST, code)
    monkeypatch.setattr("os.access", lambda path, mode: writable)
    if ends:
        with pytest.raises(NeuroFMError, match=r"it is bad\. Fix it\.") as error:
            case.chunk.failed(node(0, LAST), "", None)
        assert error.value.code is code
    else:
        case.chunk.failed(node(0, LAST), "", None)
        assert case.failed["sub-0"].code is code


def test_killed_steps_are_tried_again_and_then_fail(make, caplog):
    case = make()
    case.chunk.started(node(2, FIRST))
    case.chunk.retried(node(2, FIRST), DEATH)
    assert (
        f"sub-2 {FIRST}: the worker process was killed. Trying once more while nothing else is running."
        in caplog.text
    )
    case.chunk.killed(node(2, FIRST), DEATH)
    assert (case.failed["sub-2"].reason, case.failed["sub-2"].fix) == (DEATH.what, DEATH.fix)
    assert [row["outcome"] for row in case.table("timing.tsv")] == ["killed", "killed"]


def test_older_outputs_that_cannot_be_removed_are_logged(make, caplog):
    case = make()
    case.forget_error = NeuroFMError("writing is not permitted", code=Exit.CANT_CREATE)
    case.chunk.killed(node(0, FIRST), DEATH)
    assert "Older outputs of sub-0 could not be removed: writing is not permitted" in caplog.text
    case.forget_error = NeuroFMError("the disk is full", code=Exit.IO)
    with pytest.raises(NeuroFMError, match="the disk is full"):
        case.chunk.killed(node(1, FIRST), DEATH)


def test_scans_without_any_notice_are_closed_by_what_lies_in_their_folders(make):
    """As with another plugin of nipype."""
    case = make()
    case.write(0, LAST, TIMING, "{}")
    case.record(1, FIRST, Exit.DATA)
    case.chunk.finish("nipype's message")
    assert case.chunk.done == [scan(0)]
    assert [failure.reason for failure in case.chunk.failed_scans] == [
        "it is bad",
        "preprocessing left no outputs",
    ]
    assert case.failed["sub-2"].traceback == "nipype's message"
    assert list((case.folder / "chunk").iterdir()) == []


def test_after_the_first_crash_the_others_stay_open(make):
    case = make(stop_on_first_crash=True)
    case.chunk.killed(node(0, FIRST), DEATH)
    case.write(1, LAST, TIMING, "{}")
    case.chunk.finish("")
    assert case.chunk.done == [scan(1)]
    assert list(case.failed) == ["sub-0"]


def test_scans_are_counted_in_the_log(make, caplog):
    caplog.set_level(logging.INFO)
    case = make()
    case.chunk.ended(node(0, LAST))
    case.chunk.killed(node(1, FIRST), DEATH)
    assert "[1/3] sub-0 done" in caplog.text
    assert f"[2/3] sub-1 failed in {FIRST}: the worker process was killed" in caplog.text


def test_a_step_that_ran_beside_the_one_that_failed_does_not_count(make):
    """The folder of the scan is gone by then: that is no sign of a disk that vanished."""
    case = make()
    case.chunk.killed(node(0, "encode"), DEATH)
    case.chunk.failed(node(0, "figures"), "Traceback", errno.ENOENT)
    case.chunk.killed(node(0, "figures"), DEATH)
    case.chunk.ended(node(0, "figures"))
    assert {stem: failure.step for stem, failure in case.failed.items()} == {"sub-0": "encode"}
