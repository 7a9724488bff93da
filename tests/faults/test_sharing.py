"""Several runs share one output folder."""

import shutil
import signal
import sys

import pytest

from tests.faults.command import (
    arguments,
    is_complete,
    make_dataset,
    run,
    start,
    tree,
    wait_until_at_work,
)
from tests.tables import read_rows

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def eight(brain_image, tmp_path_factory):
    """Eight runs started at once on four scans, each with other participants, all of them several times."""
    folder = tmp_path_factory.mktemp("eight")
    root, out = make_dataset(folder / "bids", brain_image, 4), folder / "out"
    labels = [[f"{(first + step) % 4:02d}" for step in range(3)] for first in range(8)]
    runs = [
        start(arguments(root, out, "--nprocs", "1", "--participant-label", *some, work=folder / f"work{n}"))
        for n, some in enumerate(labels)
    ]
    said = [process.communicate(timeout=500)[1] for process in runs]
    return root, out, [process.returncode for process in runs], said


@pytest.mark.fault(
    "Eight runs work on overlapping participants of one output folder", "each scan is processed once"
)
def test_eight_runs_share_the_work(eight):
    _, out, codes, said = eight
    assert codes == [0] * 8, "\n".join(said)
    rows = (row for table in out.glob("logs/*/timing.tsv") for row in read_rows(table))
    encoded = [row["scan"] for row in rows if row["step"] == "encode"]
    assert sorted(encoded) == [f"sub-{number:02d}" for number in range(4)]


@pytest.mark.slow
def test_eight_runs_leave_what_one_run_leaves(eight, tmp_path):
    root, out, _, _ = eight
    assert all(is_complete(out, f"{number:02d}") for number in range(4))
    shared = tree(out)
    assert not [name for name in shared if ".tmp-" in name]
    alone = tmp_path / "out"
    assert run(arguments(root, alone))[0] == 0
    one = tree(alone)
    assert sorted(shared) == sorted(one)
    same = [name for name in one if not name.endswith(".html") and "dataset_description" not in name]
    assert [name for name in same if shared[name] != one[name]] == []


@pytest.mark.slow
@pytest.mark.fault("Another run is killed while it processes a scan", "this run processes the scan")
def test_a_scan_of_a_dead_run_is_taken_over(brain_image, tmp_path):
    root, out = make_dataset(tmp_path / "bids", brain_image, 1), tmp_path / "out"
    first = start(arguments(root, out))
    wait_until_at_work(first)
    second = start(arguments(root, out))
    for line in second.stderr:
        if "Waiting for another run" in line:
            break
    first.send_signal(signal.SIGKILL)
    first.wait()
    said = second.communicate(timeout=300)[1]
    assert second.returncode == 0, said
    assert is_complete(out, "00")
    assert not list((tmp_path / "work").iterdir())


@pytest.mark.slow
@pytest.mark.fault(
    "The group level runs while participants are processed", "only complete rows, and a warning"
)
def test_group_while_participants_run(eight, tmp_path):
    root, finished, _, _ = eight
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    other = start(arguments(root, out, "--force"))
    wait_until_at_work(other)
    counts = []
    while other.poll() is None:
        code, said = run([sys.executable, "-m", "neurofm_bids", str(root), str(out), "group"])
        assert code in {0, 1}, said
        if other.poll() is None:
            assert "A participant run was active" in said
            assert "A participant run was active" in (out / "group_desc-openS.html").read_text()
        counts.append(len(read_rows(out / "group_desc-openS_predictions.tsv")))
    assert counts
    assert all(2 <= count <= 4 for count in counts)  # two at most were just being written
    other.communicate()
    code, said = run([sys.executable, "-m", "neurofm_bids", str(root), str(out), "group"])
    assert code == 0
    assert "was active" not in said
