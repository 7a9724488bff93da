"""What SLURM runs, and the settings of its tasks."""

import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from neurofm_bids.cli.options import parse
from neurofm_bids.cluster.script import (
    Folder,
    array_arguments,
    array_script,
    task_config,
    task_memory_mb,
    task_settings,
)
from neurofm_bids.cluster.sizing import Size
from neurofm_bids.config import Centiles, Cluster, Config, Outputs, Processing, Readouts, Running, Selection
from neurofm_bids.engine.work_folder import default_work_dir


@pytest.fixture
def folder(tmp_path):
    made = Folder(tmp_path / "a log's $folder")
    made.output(1).parent.mkdir(parents=True)
    return made


def run_script(config, folder, task="3"):
    """Run the script of a task whose program prints its arguments and ends with 5."""
    folder.script.write_text(array_script(config, folder, 20, 1000))
    environ = {"SLURM_ARRAY_TASK_ID": task, "PATH": "/usr/bin:/bin"}
    return subprocess.run(["bash", folder.script], env=environ, capture_output=True, text=True)


def test_a_task_calls_the_program_for_its_part(folder, tmp_path):
    printing = 'bash -c \'printf "%s\\n" "$@"; exit 5\' -'
    config = Config(Path("/in it's"), Path("/out"), cluster=Cluster(slurm_prefix=printing, slurm_cpus=2))
    folder.ending(3).write_text("0\n")
    done = run_script(config, folder)
    assert done.stdout.splitlines() == [
        *("neurofm", "/in it's", "/out", "participant"),
        *("--config-file", str(folder.settings), "--index", str(folder.index)),
        *("--nprocs", "2", "--mem", "943", "--shard", "3/20"),
    ]
    assert done.returncode == 5
    assert folder.ending(3).read_text() == "5\n"


def test_a_task_that_was_killed_leaves_no_exit_code(folder):
    folder.ending(3).write_text("0\n")
    config = Config(Path("/in"), Path("/out"), cluster=Cluster(slurm_prefix="kill -9 $$;"))
    assert run_script(config, folder).returncode == -9
    assert not folder.ending(3).exists()


def test_the_program_may_use_nine_tenths_of_the_memory():
    assert task_memory_mb(1000) == 943


def test_arguments_of_sbatch(folder):
    cluster = Cluster(
        slurm_partition="long", slurm_account="lab", slurm_cpus=3, slurm_args="--qos='a b' -x n1"
    )
    arguments = array_arguments(cluster, Folder(Path("/out 50%")), [1, 2, 5], Size(9, 2000, 30))
    assert arguments == [
        *("--job-name=neurofm", "--array=1-2,5", "--cpus-per-task=3", "--mem=2000M", "--time=30"),
        *("--output=/out 50%%/tasks/%a.out", "--open-mode=append", "--requeue"),
        *("--partition=long", "--account=lab", "--qos=a b", "-x", "n1"),
    ]


def test_a_settings_file_gives_the_settings_of_a_task(tmp_path):
    """What concerns the group level, the cluster or this machine is left out."""
    (tmp_path / "in").mkdir()
    tasks, readout = tmp_path / "tasks.toml", tmp_path / "x.json"
    config = Config(
        tmp_path / "in",
        tmp_path / "out",
        levels=("participant", "group"),
        selection=Selection(participant_label=("01", "02")),
        processing=Processing(views=3, attribution=("age",)),
        outputs=Outputs(force=True, pdf=True, include_failed=True),
        centiles=Centiles(tmp_path / "r.json", tmp_path / "made.json", ("01",)),
        readouts=Readouts((tasks, readout), "both"),
        cluster=Cluster(executor="slurm", slurm_partition="long"),
        running=Running(work_dir=tmp_path / "work", dry_run=True, verbose=2),
    )
    path = tmp_path / "task.toml"
    path.write_text(task_settings(config))
    made = parse([str(config.bids_dir), str(config.out_dir), "participant", "--config-file", str(path)])
    expected = task_config(config)
    assert replace(made, command="", resources=expected.resources) == replace(
        expected, running=replace(expected.running, verbose=0)
    )
    assert made.outputs == Outputs(force=True)
    assert made.readouts == Readouts((readout,))
    assert made.centiles == Centiles(tmp_path / "r.json")
    assert made.cluster == Cluster()
    assert made.running.work_dir == tmp_path / "work"


def test_the_default_work_folder_is_that_of_the_node(tmp_path):
    config = Config(tmp_path, tmp_path / "out", running=Running(work_dir=default_work_dir(tmp_path / "out")))
    assert "work-dir" not in task_settings(config)


def test_without_a_prefix_a_task_runs_the_program_that_submitted_it(folder):
    text = array_script(Config(Path("/in"), Path("/out")), folder, 2, 1000)
    (line,) = (line for line in text.splitlines() if "--shard" in line)
    assert shlex.split(line)[:4] == [sys.executable, "-m", "neurofm_bids", "/in"]


def test_a_prefix_is_words_of_the_shell(folder):
    config = Config(Path("/in"), Path("/out"), cluster=Cluster(slurm_prefix="apptainer exec -B /a n.sif"))
    line = next(li for li in array_script(config, folder, 2, 1000).splitlines() if li.startswith("apptainer"))
    assert shlex.split(line)[:6] == ["apptainer", "exec", "-B", "/a", "n.sif", "neurofm"]
