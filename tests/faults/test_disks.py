"""Full, read-only and vanished disks: real ones in a mount namespace, and errors of the kernel."""

import errno
import os
import shutil
import signal

import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.atomic import write_text
from tests.faults.command import (
    arguments,
    is_complete,
    make_dataset,
    needs_namespaces,
    run,
    start,
    wait_until_at_work,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dataset(brain_image, tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("disks") / "bids", brain_image, 2)


def inside_mounts(script, command):
    """Return a command line that runs ``command`` after a shell script in a mount namespace, or skip."""
    unshare, why_not = needs_namespaces("-m")
    if unshare is None:
        pytest.skip(why_not)
    return [*unshare, "sh", "-c", f'set -e; {script}; exec "$@"', "sh", *command]


@pytest.mark.fault("The disk of the output folder is full", "exit code 74, with the reason")
def test_full_output(dataset, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    command = inside_mounts(f"mount -t tmpfs -o size=400k none {out}", arguments(dataset, out))
    code, said = run(command)
    assert code == Exit.IO, said
    assert "the disk is full" in said
    assert "run the same command again" in said
    assert "Traceback" not in said


@pytest.mark.fault("The disk of the work folder is full", "exit code 74, with the reason")
@pytest.mark.parametrize("size", ["1m", "9m", "16m"])
def test_full_work_folder(dataset, tmp_path, size):
    work = tmp_path / "work"
    work.mkdir()
    command = arguments(dataset, tmp_path / "out", work=work)
    code, said = run(inside_mounts(f"mount -t tmpfs -o size={size} none {work}", command))
    assert code == Exit.IO, said
    assert "the disk is full" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.fault(
    "Space is freed and the same command is run again", "only missing scans are processed, exit code 0"
)
def test_nothing_is_lost_when_the_disk_was_full(dataset, tmp_path):
    out, work = tmp_path / "out", tmp_path / "work"
    assert run(arguments(dataset, out, "--participant-label", "00"))[0] == 0
    before = (out / "sub-00/anat/sub-00_desc-openS_features.tsv").read_bytes()
    work.mkdir(exist_ok=True)
    command = arguments(dataset, out, work=work)
    assert run(inside_mounts(f"mount -t tmpfs -o size=1m none {work}", command))[0] == Exit.IO
    code, said = run(command)
    assert code == 0, said
    assert "Scans: 1 done" in said
    assert " 1 up to date" in said
    assert (out / "sub-00/anat/sub-00_desc-openS_features.tsv").read_bytes() == before


@pytest.mark.fault("The output folder is read-only", "exit code 73, nothing is started")
def test_read_only_output(dataset, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    script = f"mount --bind {out} {out}; mount -o remount,bind,ro {out}"
    code, said = run(inside_mounts(script, arguments(dataset, out)))
    assert code == Exit.CANT_CREATE, said
    assert "Read-only" in said


@pytest.mark.fault("The work folder is read-only", "exit code 73, nothing is started")
def test_read_only_work_folder(dataset, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    script = f"mount --bind {work} {work}; mount -o remount,bind,ro {work}"
    code, said = run(inside_mounts(script, arguments(dataset, tmp_path / "out", work=work)))
    assert code == Exit.CANT_CREATE, said
    assert "--work-dir" in said


def remove_when_at_work(command, folder):
    """Start a run, remove a folder when a worker is at work, and return exit code and words."""
    process = start(command)
    wait_until_at_work(process, {"bias_correction", "registration"})
    shutil.rmtree(folder, ignore_errors=True)
    said = process.communicate(timeout=300)[1]
    return process.returncode, said


@pytest.mark.fault("The output folder vanishes during the run", "exit code 74; it is not created elsewhere")
def test_output_folder_vanishes(dataset, tmp_path):
    out = tmp_path / "out"
    code, said = remove_when_at_work(arguments(dataset, out), out)
    assert code == Exit.IO, said
    assert "has vanished" in said
    assert not list(out.rglob("*_features.tsv"))


@pytest.mark.slow
@pytest.mark.fault("The work folder vanishes during the run", "exit code 74; the same command resumes")
def test_work_folder_vanishes(dataset, tmp_path):
    out, work = tmp_path / "out", tmp_path / "work"
    command = arguments(dataset, out, work=work)
    code, said = remove_when_at_work(command, work)
    assert code == Exit.IO, said
    assert "vanished" in said
    assert run(command)[0] == 0
    assert is_complete(out, "00")
    assert is_complete(out, "01")


@pytest.mark.slow
@pytest.mark.fault("An input vanishes during the run", "only its scan fails, exit code 1")
def test_input_vanishes(brain_image, tmp_path):
    root, out = make_dataset(tmp_path / "bids", brain_image, 3), tmp_path / "out"
    code, said = remove_when_at_work(arguments(root, out), root / "sub-02")
    assert code == 1, said
    assert "file not found" in said
    assert is_complete(out, "00")


@pytest.mark.fault("The network file system loses the folder (stale handle)", "exit code 74, with advice")
@pytest.mark.parametrize(
    ("number", "words", "code"),
    [
        (errno.ESTALE, "stale file handle", Exit.IO),
        (errno.ENOSPC, "the disk is full", Exit.IO),
        (errno.EDQUOT, "the quota is exceeded", Exit.IO),
        (errno.EIO, "Input/output error", Exit.IO),
        (errno.EROFS, "read-only", Exit.CANT_CREATE),
        (errno.EACCES, "not permitted", Exit.CANT_CREATE),
    ],
)
def test_what_the_system_says_of_a_write(tmp_path, monkeypatch, number, words, code):
    def replace(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("pathlib.Path.replace", replace)
    with pytest.raises(NeuroFMError, match=words) as error:
        write_text(tmp_path / "file", "text")
    assert error.value.code == code
    assert error.value.fix
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.fault(
    "The time limit of the job is reached (SIGTERM), or Ctrl-C",
    "exit code 130, no process or file is left behind",
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_interruption_is_said_in_one_line(dataset, tmp_path, number):
    process = start(arguments(dataset, tmp_path / "out"))
    wait_until_at_work(process)
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "Traceback" not in said
    assert list((tmp_path / "work").iterdir()) == []
