"""How tasks end and what that means."""

from pathlib import Path

import pytest

from neurofm_bids.cluster.outcome import Ending, Killed, ending, killed_by, larger, lost_scan, read_failures
from neurofm_bids.cluster.script import Folder
from neurofm_bids.cluster.sizing import Size
from neurofm_bids.cluster.slurm import GONE, TaskState
from neurofm_bids.errors import MEMORY_FIX
from neurofm_bids.records.failure import Failure
from tests.engine.scans import scan

SIZE = Size(4, 1000, 20)
SCANS = [scan(number) for number in range(3)]


def failed(fix):
    return Failure("sub-1/anat/sub-1_T1w.nii", "1", "sub-1", "encode", "bad", fix)


@pytest.mark.parametrize(
    ("state", "code", "fixes", "killed"),
    [
        ("COMPLETED", 0, (), None),
        ("FAILED", 1, ("Check it.",), None),
        ("FAILED", 66, (), None),
        ("FAILED", 1, ("Check it.", MEMORY_FIX), Killed.MEMORY),
        ("FAILED", 137, (), Killed.MEMORY),
        ("FAILED", None, (), Killed.MEMORY),
        ("OUT_OF_MEMORY", 0, (), Killed.MEMORY),
        (GONE, None, (), Killed.MEMORY),
        (GONE, 1, (), None),
        ("TIMEOUT", 0, (), Killed.TIME),
        ("NODE_FAIL", 0, (), Killed.NODE),
        ("PREEMPTED", 0, (), Killed.NODE),
        ("CANCELLED", 137, (MEMORY_FIX,), None),
    ],
)
def test_what_killed_a_task(state, code, fixes, killed):
    assert killed_by(Ending(state, code), map(failed, fixes)) is killed


@pytest.mark.parametrize(
    ("killed", "size"),
    [
        (Killed.MEMORY, Size(4, 2000, 20)),
        (Killed.TIME, Size(4, 1000, 40)),
        (Killed.NODE, SIZE),
    ],
)
def test_the_next_attempt_gets_more_of_what_was_short(killed, size):
    assert larger(SIZE, killed) == size


@pytest.mark.parametrize(
    ("state", "left", "code"),
    [
        (TaskState("FAILED", 2, 0), "0", 2),
        (TaskState("FAILED", 0, 9), "0", 137),
        (TaskState(GONE), "1", 1),
        (TaskState(GONE), "", None),
        (TaskState(GONE), None, None),
    ],
)
def test_the_exit_code_is_that_of_slurm_or_of_the_script(tmp_path, state, left, code):
    folder = Folder(tmp_path)
    if left is not None:
        folder.ending(2).parent.mkdir()
        folder.ending(2).write_text(left)
    assert ending(folder, 2, state) == Ending(state.name, code)


def test_failures_are_those_of_the_scans_that_are_asked_for(tmp_path):
    folder = Folder(tmp_path)
    assert read_failures(folder, 1, SCANS) == {}
    folder.task(1).mkdir(parents=True)
    rows = [f"sub-{n}/anat/sub-{n}_T1w.nii\tencode\tbad\t{fix}" for n, fix in ((0, "'=Fix it."), (1, "n/a"))]
    (folder.task(1) / "failed.tsv").write_text("\n".join(["scan\tstep\treason\tfix", *rows]))
    failures = read_failures(folder, 1, SCANS[1:])
    assert failures == {SCANS[1]: Failure("sub-1/anat/sub-1_T1w.nii", "1", "sub-1", "encode", "bad", "")}
    assert read_failures(folder, 1, SCANS[:1])[SCANS[0]].fix == "=Fix it."


@pytest.mark.parametrize(
    ("end", "killed", "reason", "fix"),
    [
        (Ending("FAILED", 137), Killed.MEMORY, "with 1000 MiB", "--slurm-mem"),
        (Ending("TIMEOUT", 0), Killed.TIME, "its time limit was 20 minutes", "--slurm-time"),
        (Ending("CANCELLED", None), None, "(state CANCELLED): first second", "See "),
    ],
)
def test_a_lost_scan_says_what_became_of_its_task(tmp_path, end, killed, reason, fix):
    folder = Folder(tmp_path)
    folder.output(2).parent.mkdir()
    folder.output(2).write_text("zero\n\nfirst\n second\n")
    failure = lost_scan(SCANS[0], folder, 2, end, killed, SIZE)
    assert failure.reason.startswith("task 2 of the array ended without this scan")
    assert reason in failure.reason
    assert fix in failure.fix
    assert str(folder.output(2)) in failure.fix
    assert Path(failure.scan) == Path(str(SCANS[0].relative))
