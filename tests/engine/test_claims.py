"""Which scans a run takes when others work on the same ones."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from neurofm_bids.bids.discovery import Scan
from neurofm_bids.config import Config, Outputs
from neurofm_bids.engine import claims
from neurofm_bids.engine.claims import claimed_chunks
from neurofm_bids.participant.plan import Job


class Elsewhere:
    """Locks some of which another run holds for a number of tries."""

    def __init__(self, tries):
        self.tries, self.held = dict(tries), set()

    def try_acquire(self, name):
        if self.tries.get(name, 0) > 0:
            self.tries[name] -= 1
            return False
        self.held.add(name)
        return True

    def release(self, name):
        self.held.remove(name)


def scan(number):
    return Scan(Path(f"/bids/sub-{number}/anat/sub-{number}_T1w.nii"), Path("/bids"), str(number), None, ())


def name(number):
    return f"scan sub-{number}/anat/sub-{number}_T1w.nii"


@pytest.fixture
def take(monkeypatch):
    """Return a function that gives the chunks, and the scans that others finished."""
    monkeypatch.setattr(claims, "_POLL_SECONDS", 0)

    def run(locks, done=(), force=False, versions=()):
        versions = dict(versions)
        monkeypatch.setattr(claims, "is_up_to_date", lambda scan, *_: scan.subject in done)
        monkeypatch.setattr(claims, "file_version", lambda path: versions.pop(path, 0))
        out = SimpleNamespace(sidecar=lambda scan: scan.subject)
        job, finished = (
            Job(Config(Path("/bids"), Path("/out"), outputs=Outputs(force=force)), out, None, "", {}),
            [],
        )
        chunks = []
        for chunk in claimed_chunks(job, [scan(n) for n in range(5)], locks, 2, finished):
            assert {name(s.subject) for s in chunk} <= locks.held
            chunks.append([s.subject for s in chunk])
        assert locks.held == set()
        return chunks, [s.subject for s in finished]

    return run


def test_all_scans_in_chunks_when_nobody_else_is_there(take):
    assert take(Elsewhere({})) == ([["0", "1"], ["2", "3"], ["4"]], [])


def test_scans_held_elsewhere_come_last(take):
    assert take(Elsewhere({name(0): 1, name(1): 1})) == ([["2", "3"], ["4", "0"], ["1"]], [])


def test_what_another_run_finished_is_not_done_again(take):
    assert take(Elsewhere({name(3): 4}), done={"3", "4"}) == ([["0", "1"], ["2"]], ["4", "3"])


def test_force_does_again_all_but_what_another_run_has_just_done(take):
    chunks, finished = take(Elsewhere({}), done={"0", "3"}, force=True, versions={"3": 1})
    assert finished == ["3"]
    assert sorted(subject for chunk in chunks for subject in chunk) == ["0", "1", "2", "4"]
