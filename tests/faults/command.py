"""Starting the command for a fault: its dataset, its environment, its processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import psutil

from tests.conftest import write_dataset_files, write_t1w

ROOT = Path(__file__).parents[2]
QUICK = ("--views", "1", "--nprocs", "2")
HOSTILE = {  # names of folders
    "job array": "job[1],2",
    "wildcards": "*?[!a]",
    "spaces and quotes": " a  b'c\"d`e ",
    "percent and shell": "%s%(x)s%20;&|$HOME{x}",
    "line breaks": "a\nb\tc\\n",
    "settings": " \n[execution]\n\tx = %(y)s # ;\r\v\u2028\t ",
    "unicode": "Größe脳",
    "not UTF-8": os.fsdecode(b"\xff\xfe"),
    "dash": "-x",
    "long": "l" * 120,
}


def make_dataset(root, brain_image, count):
    """Write ``count`` participants with one small brain each, every one with its own noise."""
    write_dataset_files(root)
    brain = np.asarray(brain_image.dataobj)
    for number in range(count):
        noise = np.random.default_rng(number).normal(0, 0.01 * brain.max(), brain.shape)
        data = np.where(brain > 0, np.maximum(brain + noise, 1), 0).astype(np.int16)
        write_t1w(root, f"{number:02d}", nib.Nifti1Image(data, brain_image.affine))
    return root


def arguments(root, out, *options, levels=("participant",), work=None):
    """Return the command line of a run."""
    folder = work or out.parent / "work"
    command = [sys.executable, "-m", "neurofm_bids", root, out, *levels, *QUICK, "-w", folder, *options]
    return list(map(str, command))


def start(command, **settings):
    """Start a run in a process group of its own."""
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **settings,
    )


def run(command, **settings):
    """Run to the end and return exit code and what was said."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=550, **settings)
    return done.returncode, done.stderr


_HOLD = (
    "import sys, time; from pathlib import Path; from neurofm_bids.storage.locks import Locks\n"
    "locks = Locks(Path(sys.argv[1]))\n"
    "print(all([locks.try_acquire(name) for name in sys.argv[2:]]), flush=True); time.sleep(600)"
)


def hold(path, *names):
    """Hold locks in another process; return it when it has them."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path), *names], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().strip() == "True"
    return process


def place_of(process):
    """Return ``(scan_<n>, step)`` of a worker at work: nipype works in the folder of its node."""
    try:
        folder = Path(process.cwd())
    except (psutil.Error, OSError):
        return None
    return (folder.parent.name, folder.name) if folder.parent.name.startswith("scan_") else None


def wait_until_at_work(process, steps=None):
    """Wait until a worker of a run is at work on one of some steps, or on any."""
    me, end = psutil.Process(process.pid), time.monotonic() + 300
    while True:
        places = filter(None, map(place_of, me.children(recursive=True)))
        if any(steps is None or step in steps for _, step in places):
            return
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end, "it never started"
        time.sleep(0.05)


def tree(out):
    """Return every output by its relative path, but for logs, which differ from run to run."""
    files = (path for path in out.rglob("*") if path.is_file())
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in files
        if path.relative_to(out).parts[0] != "logs"
    }


def is_complete(out, subject):
    """Tell whether the sidecar of a scan, which says that it is done, has all it stands for beside it."""
    anat = out / f"sub-{subject}" / "anat"
    sidecar = anat / f"sub-{subject}_desc-openS_features.json"
    if not sidecar.is_file():
        return None
    json.loads(sidecar.read_text())
    record = json.loads((anat / f"sub-{subject}_desc-openS_predictions.json").read_text())
    table = (anat / f"sub-{subject}_desc-openS_features.tsv").read_text().splitlines()
    mask = nib.load(anat / f"sub-{subject}_desc-brain_mask.nii.gz")
    np.asarray(mask.dataobj)
    return len(table) == 2 and record["Scan"]["Subject"] == subject


def needs_namespaces(*flags):
    """Return the start of a command in namespaces of its own, or why they cannot be had."""
    command = ["unshare", *flags, *([] if os.geteuid() == 0 else ["-r"])]
    try:
        done = subprocess.run([*command, "true"], capture_output=True, text=True)
    except FileNotFoundError:
        return None, "unshare is not installed"
    return (command, "") if done.returncode == 0 else (None, f"no namespaces here: {done.stderr.strip()}")
