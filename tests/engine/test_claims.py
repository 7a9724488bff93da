"""Which scans a run takes when others work on the same ones."""

import pytest

from neurofm_bids.engine.claims import claimed_chunks, lock_name
from tests.engine.scans import scan


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


def name(number):
    return f"scan sub-{number}/anat/sub-{number}_T1w.nii"


@pytest.fixture
def take():
    """Return a function that gives the chunks, and the scans that others finished."""

    def run(locks, done=()):
        finished, chunks = [], []
        scans = [scan(n) for n in range(5)]
        is_done = lambda scan: scan.subject in done  # noqa: E731
        for chunk in claimed_chunks(scans, locks, 2, is_done, finished, poll_seconds=0):
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


def test_locks_are_named_by_the_place_of_the_scan():
    assert lock_name(scan(3)) == name(3)
