import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.storage.locks import Locks
from tests.faults.command import hold


def test_a_lock_is_free_again_when_its_holder_is_killed(tmp_path):
    path = tmp_path / ".lock"
    other = hold(path, "one", "two")
    with Locks(path) as locks:
        assert not locks.try_acquire("one")
        assert locks.try_acquire("three")
        other.kill()
        other.wait()
        assert locks.try_acquire("one")
        locks.release("one")


def test_a_released_lock_is_free_for_others(tmp_path):
    with Locks(tmp_path / "logs" / ".lock") as locks:
        with locks.held("one"):
            pass
        other = hold(tmp_path / "logs" / ".lock", "one")
        assert not locks.try_acquire("one")
        other.kill()
        other.wait()


def test_a_file_system_without_locks_is_reported_once(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.lockf", refuse)
    with Locks(tmp_path / ".lock") as locks:
        assert locks.try_acquire("one")
        assert locks.try_acquire("two")
        assert not locks.works
    assert caplog.text.count("No file locks") == 1


def test_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(NeuroFMError, match="has vanished"):
        Locks(tmp_path / ".lock", create=False)
    (tmp_path / "elsewhere").touch()
    (tmp_path / ".lock").symlink_to("elsewhere")
    with pytest.raises(NeuroFMError, match="writing failed"):
        Locks(tmp_path / ".lock")
