"""The commands of SLURM as this program calls and reads them."""

import pytest

from neurofm_bids.cluster import slurm as module
from neurofm_bids.cluster.slurm import GONE, TaskState
from neurofm_bids.errors import NeuroFMError


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Return a function that writes a command of SLURM, as a shell script; no other is found."""
    folder = tmp_path / "commands"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def write(name, code):
        path = folder / name
        path.write_text(f"#!/bin/bash\n{code}\n")
        path.chmod(0o755)

    return write


def test_commands_must_be_there(commands):
    commands("sbatch", "")
    with pytest.raises(NeuroFMError, match="not found: squeue"):
        module.check_commands()
    commands("squeue", "")
    module.check_commands()


def test_the_cluster_says_how_large_an_array_may_be(commands):
    assert module.largest_array() == 1000
    commands("scontrol", 'echo "MaxArraySize            = 251"')
    assert module.largest_array() == 250


@pytest.mark.parametrize("answer", ["123", "123;cluster"])
def test_the_number_of_a_job(commands, tmp_path, answer):
    commands("sbatch", f'echo "{answer}"')
    assert module.submit(tmp_path / "x.sh", []) == "123"


@pytest.mark.parametrize(
    "code", ["echo 'sbatch: error: invalid account' >&2; exit 1", "echo invalid account"]
)
def test_what_sbatch_says_is_passed_on(commands, tmp_path, code):
    commands("sbatch", code)
    with pytest.raises(NeuroFMError, match="invalid account"):
        module.submit(tmp_path / "x.sh", [])


def queue(*rows):
    return "\n".join(f'printf "%-40s%-40s%-40s\\n" {row}' for row in rows)


def test_states_in_the_queue(commands):
    commands("squeue", queue("1 RUNNING 0", "2 FAILED 512", "3 FAILED 9", "4 PENDING 0", "N/A PENDING 0"))
    states = module.array_states("5", [1, 2, 3])
    assert states == {
        1: TaskState("RUNNING", 0, 0),
        2: TaskState("FAILED", 2, 0),
        3: TaskState("FAILED", 0, 9),
    }
    assert [state.is_ended for state in states.values()] == [False, True, True]


def test_tasks_that_are_no_longer_in_the_queue_are_gone(commands):
    commands("squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    states = module.array_states("5", [1])
    assert states == {1: TaskState(GONE)}
    assert states[1].is_ended


def test_accounting_knows_how_they_ended(commands):
    commands("squeue", queue("1 RUNNING 0"))
    commands("sacct", "printf '5_2|OUT_OF_MEMORY|0:125\\n5_3|CANCELLED by 0|0:15\\n5_[4-9]|PENDING|0:0\\n'")
    assert module.array_states("5", [1, 2, 3]) == {
        1: TaskState("RUNNING", 0, 0),
        2: TaskState("OUT_OF_MEMORY", 0, 125),
        3: TaskState("CANCELLED", 0, 15),
    }


def test_accounting_that_does_not_answer_changes_nothing(commands):
    commands("squeue", queue("1 RUNNING 0"))
    commands("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    assert module.array_states("5", [1, 2])[2] == TaskState(GONE)


def test_a_controller_that_does_not_answer_ends_nothing(commands):
    commands("squeue", "echo 'Unable to contact slurm controller' >&2; exit 1")
    assert module.array_states("5", [1]) is None


def test_jobs_are_cancelled(commands, tmp_path):
    commands("scancel", f'echo "$@" > {tmp_path}/cancelled')
    module.cancel("17")
    assert (tmp_path / "cancelled").read_text() == "17\n"
