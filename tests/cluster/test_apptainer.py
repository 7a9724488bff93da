"""The script for Apptainer: what it says, and that a shell understands it."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from neurofm_bids.analysis_options import Analyses
from neurofm_bids.cli.options import parse
from neurofm_bids.cluster.apptainer import Encoding, apptainer_script
from neurofm_bids.cluster.sizing import Size
from neurofm_bids.config import Centiles, Cluster, Config, Outputs, Processing, Readouts, Selection
from neurofm_bids.named_path import NamedPath

CONFIG = Config(
    Path("/data/it's bids"),
    Path("/out @TASKS@"),
    levels=("participant", "group"),
    selection=Selection(participant_label=("01", "0 2"), session_label=("a",)),
    processing=Processing(views=1, weights=Path("/weights/w.h5")),
    outputs=Outputs(force=True, include_failed=True),
    centiles=Centiles(None, Path("/made/reference.json"), ("01",)),
    readouts=Readouts((Path("/readouts/t.toml"), Path("/readouts/x.json"))),
    cluster=Cluster(slurm_partition="long", slurm_args="--qos='a b'", slurm_cpus=2),
)
SIZE = Size(17, 4000, 55)


def arrays_of(text, *names):
    """Return arrays and values of the script as a shell reads them, up to its first function."""
    settings = text.split("run() {")[0]
    shown = "\n".join(f'printf "%s\\n" "${{{name}[@]}}"; echo ---' for name in names)
    done = subprocess.run(["bash", "-c", f"{settings}\n{shown}"], capture_output=True, text=True, check=True)
    return [part.splitlines() for part in done.stdout.split("---\n")[:-1]]


def test_the_settings_are_those_of_the_command():
    text = apptainer_script(CONFIG, Path("/images/n f.sif"), SIZE)
    names = ("bids", "out", "image", "tasks", "limits", "use", "sbatch", "selection", "has_group")
    assert arrays_of(text, *names) == [
        ["/data/it's bids"],
        ["/out @TASKS@"],
        ["/images/n f.sif"],
        ["17"],
        ["--cpus-per-task=2", "--mem=4000M", "--time=55"],
        ["--nprocs", "2", "--mem", "3774"],
        ["--partition=long", "--qos=a b"],
        ["--participant-label", "01", "0 2", "--session-label", "a"],
        ["yes"],
    ]


def test_each_level_has_its_options():
    participant, group, binds = arrays_of(
        apptainer_script(CONFIG, Path("/n.sif"), SIZE), "participant", "group", "binds"
    )
    assert participant == [
        *("--weights=/weights/w.h5", "--views=1", "--force"),
        *("--readouts", "/readouts/x.json"),
    ]
    assert group == [
        *(
            "--weights=/weights/w.h5",
            "--views=1",
            "--include-failed",
            "--make-reference=/made/reference.json",
        ),
        *("--reference-participants", "01", "--readouts", "/readouts/t.toml"),
    ]
    assert binds == ["/readouts:/readouts:ro", "/weights:/weights:ro", "/made"]


def test_the_container_sees_derivatives():
    given = (NamedPath("fmriprep", Path("/made/fmriprep")),)
    processing = Processing(skull_strip="derivatives", derivatives=given)
    text = apptainer_script(replace(CONFIG, processing=processing), Path("/n.sif"), SIZE)
    participant, binds = arrays_of(text, "participant", "binds")
    assert participant[:3] == [
        "--skull-strip=derivatives",
        "--derivatives",
        "fmriprep=/made/fmriprep",
    ]
    assert "/made/fmriprep:/made/fmriprep:ro" in binds


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-d", "fp={0}"],
        ["-d", "fp={0}", "--skull-strip", "auto", "--bias-correction", "derivatives"],
        ["-d", "fp={0}", "--skull-strip", "force", "--bias-correction", "derivatives", "--views", "1"],
        ["--no-anatomy", "--attribution", "age", "--keep-work"],
    ],
)
def test_the_container_reads_the_settings_of_the_command(tmp_path, options):
    (tmp_path / "bids").mkdir()
    command = [str(tmp_path / "bids"), str(tmp_path / "out"), "participant"]
    config = parse([*command, *(word.format(tmp_path) for word in options)])
    (participant,) = arrays_of(apptainer_script(config, Path("/n.sif"), SIZE), "participant")
    again = parse([*command, *filter(None, participant)])
    assert (again.processing, again.outputs, again.running) == (
        config.processing, config.outputs, config.running,
    )  # fmt: skip


def test_the_outputs_are_mounted_last(tmp_path):
    given = (NamedPath("fp", tmp_path),)
    processing = Processing(skull_strip="derivatives", derivatives=given)
    config = Config(tmp_path / "bids", tmp_path / "out", processing=processing)
    script = tmp_path / "job.sh"
    script.write_text(apptainer_script(config, Path("/n.sif"), SIZE))
    (call,) = calls_of(script, tmp_path, "participant", str(tmp_path), SLURM_ARRAY_TASK_ID="1")
    mounts = re.findall(r"-B (\S+)", call)
    assert mounts[1:3] == [f"{tmp_path}:{tmp_path}:ro", f"{tmp_path}/out"]


def test_without_the_group_level_no_job_is_submitted_for_it():
    alone = replace(CONFIG, levels=("participant",))
    assert arrays_of(apptainer_script(alone, Path("/n.sif"), SIZE), "has_group") == [["no"]]


@pytest.mark.parametrize("config", [CONFIG, Config(Path("/in"), Path("/out"))])
def test_a_shell_and_its_linter_accept_it(config, tmp_path):
    path = tmp_path / "job.sh"
    path.write_text(apptainer_script(config, Path("/n.sif"), SIZE))
    subprocess.run(["bash", "-n", path], check=True)
    if shutil.which("shellcheck") is None:
        pytest.skip("bash accepts it; shellcheck is not installed")
    subprocess.run(["shellcheck", path], check=True)


def test_the_group_job_sees_the_folders_of_the_cohort_and_their_datasets(tmp_path):
    about = '{"DatasetLinks": {"raw": "../raw"}}'
    for name in ("other", "raw"):
        (tmp_path / name).mkdir()
    (tmp_path / "other" / "dataset_description.json").write_text(about)
    config = replace(CONFIG, analyses=Analyses((NamedPath("b", tmp_path / "other"),)))
    text = apptainer_script(config, Path("/n.sif"), SIZE)
    group, participant, binds = arrays_of(text, "group", "participant", "binds")
    assert group[group.index("--group-inputs") + 1] == f"b={tmp_path / 'other'}"
    assert "--group-inputs" not in participant
    assert {f"{tmp_path / name}:{tmp_path / name}:ro" for name in ("other", "raw")} <= {*binds}
    (tmp_path / "raw").rmdir()
    (binds,) = arrays_of(apptainer_script(config, Path("/n.sif"), SIZE), "binds")
    assert not any("raw" in bind for bind in binds)


def test_a_second_array_encodes_on_gpus():
    encoding = Encoding(Size(2, 6000, 90), "--partition=gpu --gres=gpu:1")
    names = ("tasks", "gpu_tasks", "gpu_limits", "gpu_use", "gpu_sbatch")
    assert arrays_of(apptainer_script(CONFIG, Path("/n.sif"), SIZE, encoding), *names) == [
        ["17"],
        ["2"],
        ["--cpus-per-task=2", "--mem=6000M", "--time=90"],
        ["--nprocs", "2", "--mem", "5662"],
        ["--partition=gpu", "--gres=gpu:1"],
    ]
    assert arrays_of(apptainer_script(CONFIG, Path("/n.sif"), SIZE), "gpu_tasks") == [["0"]]


FAKE = """#!/bin/bash
echo "$(basename "$0")" "$@" >> "$RECORD"
[ "$(basename "$0")" = sbatch ] && wc -l < "$RECORD"
exit 0
"""


def calls_of(script, tmp_path, *arguments, **environment):
    """Return the commands that a script runs, which do nothing."""
    record = tmp_path / "record"
    for name in ("sbatch", "apptainer"):
        path = tmp_path / name
        path.write_text(FAKE)
        path.chmod(0o755)
    variables = {"PATH": f"{tmp_path}:/usr/bin:/bin", "RECORD": str(record), **environment}
    subprocess.run(["bash", script, *arguments], env=variables, check=True, capture_output=True)
    calls = record.read_text().splitlines()
    record.unlink()
    return calls


@pytest.mark.parametrize("on_gpus", [False, True])
def test_jobs_follow_each_other_and_have_their_stages(tmp_path, on_gpus):
    logs = tmp_path / "out/logs/x"
    logs.mkdir(parents=True)
    config = Config(tmp_path / "bids", tmp_path / "out", levels=("participant", "group"))
    encoding = Encoding(Size(2, 6000, 90), "--gres=gpu:1") if on_gpus else None
    script = tmp_path / "job.sh"
    text = apptainer_script(config, Path("/n.sif"), SIZE, encoding)
    script.write_text(text.replace('cp "$logs/index.jsonl" "$encode"', "true"))  # no index was made
    _, *jobs = calls_of(script, tmp_path)
    stages = [re.search(r"job\.sh (\w+) (\S+)", job) for job in jobs]
    names = ["preprocess", "encode", "group"] if on_gpus else ["participant", "group"]
    assert [stage[1] for stage in stages] == names
    assert "--array=1-17" in jobs[0]
    assert [re.search(r"afterany:(\d+)", job)[1] for job in jobs[1:]] == [
        str(n) for n in range(2, len(jobs) + 1)
    ]
    if on_gpus:
        assert stages[1][2] == f"{stages[0][2]}-encode"
        assert ("--gres=gpu:1" in jobs[1], "--array=1-2 " in jobs[1], "gres" in jobs[0]) == (
            True,
            True,
            False,
        )
    for stage, shard, memory in (("preprocess", "3/17", 3774), ("encode", "3/2", 5662)) if on_gpus else ():
        (call,) = calls_of(script, tmp_path, stage, str(logs), SLURM_ARRAY_TASK_ID="3")
        words = f"--mem {memory} --stage {stage} --index {logs}/index.jsonl --shard {shard}"
        assert call.endswith(words)
        assert (" --nv " in call) == (stage == "encode")
    (call,) = calls_of(script, tmp_path, "participant", str(logs), SLURM_ARRAY_TASK_ID="3")
    assert "--stage all" in call
    assert "--nv" not in call
