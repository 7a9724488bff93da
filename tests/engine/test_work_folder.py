"""The work folder, and what other runs left in it."""

import errno
import shutil
import tempfile
from pathlib import Path

import pytest

from neurofm_bids.engine.work_folder import default_work_dir, disk_errno, run_prefix, work_folder
from neurofm_bids.errors import Exit, NeuroFMError
from tests.faults.command import hold


def left_behind(folder, name):
    path = folder / f"{run_prefix()}{name}"
    path.mkdir()
    (path / "lock").touch()
    return path


@pytest.mark.fault(
    "A killed run left its work folder", "the next run removes it, but not that of an active run"
)
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
    (work / f"{run_prefix()}link").symlink_to(victim)
    with work_folder(work):
        pass
    assert [path.name for path in victim.iterdir()] == ["file"]


def test_kept_folders_are_kept(tmp_path):
    with work_folder(tmp_path, keep=True) as folder:
        (folder / "file").touch()
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith("neurofm-kept-")
    assert (kept / "file").is_file()


def test_the_default_folder_is_removed_by_the_last_run(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    work = default_work_dir(tmp_path / "out")
    assert work.parent == tmp_path
    with work_folder(work, out_dir=tmp_path / "out"):
        (work / "neurofm-run-other").mkdir()
    assert [path.name for path in work.iterdir()] == ["neurofm-run-other"]
    (work / "neurofm-run-other").rmdir()
    with work_folder(work, out_dir=tmp_path / "out"):
        assert len(list(work.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["work", "neurofm-work-mine"])
def test_a_folder_that_was_given_stays(tmp_path, name):
    with work_folder(tmp_path / name, out_dir=tmp_path / "out"):
        pass
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_a_folder_that_another_run_removes_at_the_end_is_not_an_error(tmp_path, monkeypatch):
    glob = Path.glob

    def listed_before(path, pattern):
        return [*glob(path, pattern), path / f"{run_prefix()}gone"]

    monkeypatch.setattr(Path, "glob", listed_before)
    with work_folder(tmp_path) as folder:
        assert folder.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_run_removes_meanwhile_is_made_again(tmp_path, monkeypatch):
    mkdir, removed = Path.mkdir, []

    def racing(path, *args, **options):
        if path.name.startswith("neurofm-new-") and not removed:
            removed.append(path.parent.rmdir())
        mkdir(path, *args, **options)

    monkeypatch.setattr(Path, "mkdir", racing)
    with work_folder(tmp_path / "work") as folder:
        assert folder.parent == tmp_path / "work"
    assert removed == [None]


def test_a_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    tmp_path.chmod(0o777)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr("os.geteuid", lambda: work.stat().st_uid + 1)
    with pytest.raises(NeuroFMError, match=r"belongs to another user: .*--work-dir"), work_folder(work):
        pass


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(NeuroFMError, match="the work folder cannot be created") as error,
        work_folder(tmp_path / "file" / "work"),
    ):
        pass
    assert error.value.code is Exit.CANT_CREATE


@pytest.mark.fault("The path of the temporary folder is too long for sockets", "they lie in shared memory")
@pytest.mark.parametrize(("length", "moved"), [(75, False), (76, True), (200, True)])
def test_sockets_have_a_place_beside_a_long_temporary_folder(tmp_path, monkeypatch, length, moved):
    long = f"/{'t' * (length - 1)}"
    monkeypatch.setattr(tempfile, "tempdir", long)
    with work_folder(tmp_path):
        assert tempfile.gettempdir() == ("/dev/shm" if moved else long)
    assert tempfile.tempdir == long


def test_sockets_have_a_place_without_a_temporary_folder(tmp_path, no_temporary_folder):
    with work_folder(tmp_path):
        assert tempfile.gettempdir() == "/dev/shm"
    assert tempfile.tempdir is None


def chained(error, context):
    try:
        try:
            raise context
        except OSError:
            raise error  # noqa: B904 -- as nipype does
    except ValueError as chained:
        return chained


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (OSError(errno.ENOSPC, ""), errno.ENOSPC),
        (chained(ValueError("x"), OSError(errno.EROFS, "")), errno.EROFS),
        (OSError(errno.ENOENT, ""), None),
        (ValueError("[Errno 28]"), None),
        (None, None),
    ],
)
def test_errors_carry_the_number_of_their_cause(tmp_path, error, number):
    assert disk_errno(error, tmp_path) == number
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_a_run_that_was_created_again_counts_as_gone(tmp_path):
    with work_folder(tmp_path / "work") as folder:
        (folder / "0").mkdir()
        assert disk_errno(ValueError("x"), folder / "0") is None
        shutil.rmtree(folder)
        (folder / "0").mkdir(parents=True)
        assert disk_errno(ValueError("x"), folder / "0") == errno.ENOENT


def test_a_folder_is_written_to_if_the_error_does_not_tell(tmp_path, monkeypatch):
    assert disk_errno(ValueError("x"), tmp_path / "gone") == errno.ENOENT

    def full(*_):
        raise OSError(errno.EDQUOT, "")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    assert disk_errno(ValueError("x"), tmp_path) == errno.EDQUOT
