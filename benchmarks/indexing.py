"""CPU seconds from the command to the plan on large datasets.

With ``--dry-run --reports-only``, which loads no network.

Usage: python benchmarks/indexing.py

Datasets of 1,000 and 5,000 participants with two sessions, each with a T1w, a T2w, a BOLD run and sidecars
(empty images: nothing but names and sidecars is read), in a temporary folder; best of three.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path


def write_dataset(root, participants):
    root.mkdir()
    (root / "dataset_description.json").write_text(json.dumps({"Name": "large", "BIDSVersion": "1.9.0"}))
    (root / "T1w.json").write_text('{"EchoTime": 0.003}')
    for number in range(participants):
        for session in ("a", "b"):
            stem = f"sub-{number:05d}_ses-{session}"
            folder = root / f"sub-{number:05d}" / f"ses-{session}"
            for kind, suffix in (("anat", "T1w"), ("anat", "T2w"), ("func", "task-rest_bold")):
                (folder / kind).mkdir(parents=True, exist_ok=True)
                (folder / kind / f"{stem}_{suffix}.nii.gz").write_bytes(b"x" * 2000)
                (folder / kind / f"{stem}_{suffix}.json").write_text('{"RepetitionTime": 2}')


def seconds(root, *options):
    command = [sys.executable, "-m", "neurofm_bids", str(root), f"{root}-out", "participant"]
    command += ["--dry-run", "--reports-only"]
    best = float("inf")
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best, done.stdout.count("_T1w.nii.gz")


def main():
    for participants in (1000, 5000):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "bids"
            write_dataset(root, participants)
            for name, options in (("one selected", ("--participant-label", "00500")), ("all", ())):
                took, scans = seconds(root, *options)
                print(f"{participants} participants, {name}: {took:.2f} CPU s ({scans} scans)", flush=True)


if __name__ == "__main__":
    main()
