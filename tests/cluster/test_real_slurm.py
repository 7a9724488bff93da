"""The same outputs from a real cluster as from this machine, whatever happens to the tasks and the command.

Needs a running cluster, such as one node that is this machine: see docs/slurm.md.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neurofm_bids.cluster.slurm import check_commands
from neurofm_bids.errors import NeuroFMError
from tests.conftest import write_dataset_files, write_t1w
from tests.tables import failed_rows, read_rows

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
LABELS = [f"{number:02}" for number in range(1, 21)]
HUNGRY, CORRUPT, FAILING = "05", "07", "11"
QUICK = ("--no-anatomy", "--views", "1")
PREFIX = f"{sys.executable} {Path(__file__).with_name('on_node.py')}"
SECONDS = 1500
# Runs the command of `apptainer exec [options] image.sif COMMAND` where it is, with the folder of /work.
STAND_IN = """#!/bin/bash
while [ "${1##*/}" != image.sif ]; do
  case $1 in *:/work) work=${1%:/work} ;; esac
  shift
done
shift
words=()
for word in "$@"; do [ "$word" = /work ] && word=$work; words+=("$word"); done
exec "${words[@]}"
"""


@pytest.fixture(scope="module", autouse=True)
def cluster():
    try:
        check_commands()
    except NeuroFMError as error:
        pytest.skip(str(error))
    state = subprocess.run(["sinfo", "-h", "-o", "%t"], capture_output=True, text=True, check=False)
    if state.returncode or not re.search("idle|mix|alloc", state.stdout):
        pytest.skip(
            f"no node of SLURM is up ({(state.stderr or state.stdout).strip() or 'sinfo lists none'})"
        )


@pytest.fixture(scope="module")
def dataset(tmp_path_factory, brain_image):
    rows = "".join(f"sub-{label}\t{20 + 2 * int(label)}\tF\n" for label in LABELS)
    root = write_dataset_files(tmp_path_factory.mktemp("in") / "bids", f"participant_id\tage\tsex\n{rows}")
    for label in LABELS:
        path = write_t1w(root, label, brain_image)
    path = root / f"sub-{CORRUPT}" / "anat" / f"sub-{CORRUPT}_T1w.nii.gz"
    path.write_bytes(path.read_bytes()[:5000])
    return root


def environment(**more):
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return os.environ | {"PYTHONPATH": path} | more


def command(dataset, out, *options, levels=("participant", "group")):
    return [sys.executable, "-m", "neurofm_bids", str(dataset), str(out), *levels, *QUICK, *options]


def run(dataset, out, *options, **environ):
    words = command(dataset, out, *options)
    return subprocess.run(words, env=environment(**environ), capture_output=True, text=True, timeout=SECONDS)


@pytest.fixture(scope="module")
def local(dataset, tmp_path_factory):
    """The outputs of this machine."""
    out = tmp_path_factory.mktemp("local") / "out"
    done = run(dataset, out)
    assert done.returncode == 1, done.stderr
    return out


@pytest.fixture(scope="module")
def on_slurm(dataset, tmp_path_factory):
    """Return outputs of an array whose command was killed and started again, and what the latter printed."""
    out = tmp_path_factory.mktemp("slurm") / "out"
    options = ("--executor", "slurm", "--slurm-scans", "1", "--slurm-prefix", PREFIX)
    environ = environment(HUNGRY=str(int(HUNGRY)), FAILING=str(int(FAILING)))
    first = subprocess.Popen(command(dataset, out, *options), env=environ, stderr=subprocess.DEVNULL)
    until = time.monotonic() + SECONDS
    while len(list(out.glob("sub-*/anat/*_features.json"))) < 2:
        assert first.poll() is None
        assert time.monotonic() < until
        time.sleep(0.5)
    first.send_signal(signal.SIGKILL)
    first.wait()
    return out, run(dataset, out, *options, HUNGRY=str(int(HUNGRY)), FAILING=str(int(FAILING)))


def contents(out):
    """Return the hashes of the outputs; pages name the command, logs and the index of the group the times."""
    files = [path for path in out.rglob("*") if path.is_file() and path.suffix not in {".html", ".arrow"}]
    named = {str(path.relative_to(out)): path for path in files if "logs" not in path.relative_to(out).parts}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in named.items()}


def test_the_outputs_are_those_of_this_machine(local, on_slurm):
    out, done = on_slurm
    assert done.returncode == 1, done.stderr
    here, there = contents(local), contents(out)
    assert sorted(here) == sorted(there)
    assert [name for name in here if here[name] != there[name]] == []
    assert sorted(path.name for path in local.glob("*.html")) == sorted(p.name for p in out.glob("*.html"))


def test_nothing_is_lost(on_slurm):
    out, _ = on_slurm
    rows = read_rows(out / "group_desc-openS_predictions.tsv")
    assert [row["participant_id"] for row in rows] == [f"sub-{n}" for n in LABELS if n != CORRUPT]
    assert list(failed_rows(out)) == [f"sub-{CORRUPT}/anat/sub-{CORRUPT}_T1w.nii.gz"]


def test_the_array_was_submitted_once_and_only_the_killed_task_again(on_slurm):
    out, done = on_slurm
    (state,) = out.glob("logs/*/slurm.json")
    first, again = json.loads(state.read_text())["Rounds"]
    assert first["tasks"] == list(range(1, 21))
    assert again["tasks"] == [int(HUNGRY)]
    assert again["memory_mb"] == 2 * first["memory_mb"]
    assert "Following the array of an earlier command" in done.stderr
    assert "was killed (memory" in done.stderr


def test_the_node_failed_and_its_task_ran_again(on_slurm):
    out, _ = on_slurm
    (folder,) = (path.parent for path in out.glob("logs/*/slurm.json"))
    log = (folder / "tasks" / str(int(FAILING)) / "neurofm.log").read_text()
    assert log.count("NeuroFM-BIDS ") == 2


def test_the_script_for_apptainer_runs_both_levels(dataset, local, tmp_path):
    """With a stand-in for Apptainer, which runs the command where it is."""
    small, out, path = tmp_path / "bids", tmp_path / "out", tmp_path / "bin"
    write_dataset_files(small, (dataset / "participants.tsv").read_text())
    for label in ("01", "02", CORRUPT):
        shutil.copytree(dataset / f"sub-{label}", small / f"sub-{label}")
    path.mkdir()
    for name, module in (("neurofm", "main"), ("neurofm-tools", "tools")):
        code = f"from neurofm_bids.cli.{module} import main\nif __name__ == '__main__':\n    exit(main())\n"
        (path / name).write_text(f"#!{sys.executable}\n{code}")
    (path / "apptainer").write_text(STAND_IN)
    for program in path.iterdir():
        program.chmod(0o755)
    environ = environment(PATH=f"{path}{os.pathsep}{os.environ['PATH']}")
    words = [*("slurm-script", str(tmp_path / "image.sif")), *command(small, out)[3:], "--slurm-scans", "1"]
    text = subprocess.run([path / "neurofm-tools", *words], env=environ, capture_output=True, text=True)
    assert text.returncode == 0, text.stderr
    script = tmp_path / "job.sh"
    script.write_text(text.stdout)
    done = subprocess.run(["bash", script], env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    last = re.search(r"group: job (\d+)", done.stdout)[1]
    until = time.monotonic() + SECONDS
    while subprocess.run(["squeue", "-h", "-j", last], capture_output=True, text=True).stdout.strip():
        assert time.monotonic() < until
        time.sleep(1)
    rows = read_rows(out / "group_desc-openS_predictions.tsv")
    assert [row["participant_id"] for row in rows] == ["sub-01", "sub-02"]
    here, there = contents(local), contents(out)
    same = [name for name in there if name.startswith(("sub-01/", "sub-02/"))]
    assert same
    assert [name for name in same if here[name] != there[name]] == []
    report = (out / "group_desc-openS.html").read_text()
    assert f"sub-{CORRUPT}" in report
    assert "cannot be read" in report
