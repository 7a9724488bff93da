"""Arrays in files: written by the command that submits, read by one that follows."""

from dataclasses import replace

import pytest

from neurofm_bids.bids.discovery import find_scans
from neurofm_bids.cluster.array import Round, digest_of, new_array, unfinished_array
from neurofm_bids.cluster.script import Folder
from neurofm_bids.cluster.sizing import Size
from neurofm_bids.cluster_options import Shard
from neurofm_bids.config import Analyses, Cluster, Outputs, Processing, Selection

SIZE = Size(3, 1000, 20)


@pytest.fixture
def array(config):
    return new_array(config, Folder(config.out_dir / "logs" / "run"), find_scans(config).scans, SIZE)


def test_participants_are_dealt_as_the_tasks_take_them(config, array):
    tasks = {scan.subject: array.task_of(scan) for scan in find_scans(config).scans}
    assert tasks == {"01": 1, "02": 2, "03": 3, "04": 1}
    for number in range(1, 4):
        part = Selection(shard=Shard(number, 3), index=array.folder.index)
        found = find_scans(replace(config, selection=part)).scans
        assert {scan.subject for scan in found} == {name for name, n in tasks.items() if n == number}


def test_a_scan_of_another_participant_is_in_no_task(config, array):
    scan = find_scans(config).scans[0]
    assert array.task_of(replace(scan, subject="99")) is None


def test_another_command_finds_it(config, array):
    found = unfinished_array(replace(config, command="another"))
    assert found == array
    assert found.rounds == [Round("101", (1, 2, 3), 1000, 20)]


def test_what_was_submitted_since_is_in_the_file(config, array):
    array.submit(config, [2], Size(3, 2000, 20))
    assert unfinished_array(config).rounds[1] == Round("102", (2,), 2000, 20)


def test_a_finished_one_is_not_followed(config, array):
    array.save(is_finished=True)
    assert unfinished_array(config) is None


def test_the_latest_is_followed(config, array):
    later = Folder(config.out_dir / "logs" / "run2")
    new_array(config, later, find_scans(config).scans, SIZE)
    assert unfinished_array(config).folder == later


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({"processing": Processing(views=1)}, False),
        ({"outputs": Outputs(force=True)}, False),
        ({"selection": Selection(participant_label=("01",))}, False),
        ({"cluster": Cluster(executor="slurm", slurm_partition="other", slurm_memory_gb=9.0)}, True),
        ({"analyses": Analyses(None)}, True),
        ({"command": "x"}, True),
    ],
)
def test_commands_whose_tasks_do_the_same_follow_each_other(config, change, is_same):
    assert (digest_of(replace(config, **change)) == digest_of(config)) is is_same
