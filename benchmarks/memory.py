"""Peak memory of each step, for heads of several matrix sizes.

One head is resampled to each size; the command processes it twice with one worker, and the second time
counts, when the worker has all libraries and models loaded. Prints a table from ``timing.tsv`` and, by least
squares over the sizes, what a step needs for itself and for each million voxels. All targets are attributed;
two passes are enough, as they are computed one after another.

    python benchmarks/memory.py HEAD.nii.gz WORK_FOLDER
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.processing import resample_to_output

VOXEL_MM = (1.4, 1.0, 0.75)


def dataset(head: nib.Nifti1Image, voxel: float, root: Path) -> float:
    image = resample_to_output(head, (voxel,) * 3, order=1)
    image = nib.Nifti1Image(np.asarray(image.dataobj, dtype=np.int16), image.affine)
    for subject in ("1", "2"):
        folder = root / f"sub-{subject}" / "anat"
        folder.mkdir(parents=True)
        nib.save(image, folder / f"sub-{subject}_T1w.nii.gz")
    (root / "dataset_description.json").write_text(json.dumps({"Name": "memory", "BIDSVersion": "1.9.0"}))
    return float(np.prod(image.shape)) / 1e6


def peaks(root: Path, out: Path) -> dict[str, float]:
    command = [
        sys.executable,
        "-m",
        "neurofm_bids",
        root,
        out,
        "participant",
        "--attribution",
        "--views",
        "2",
        "--nprocs",
        "1",
        "-w",
        out / "work",
    ]
    subprocess.run(list(map(str, command)), check=True, stderr=subprocess.DEVNULL)
    with next(out.glob("logs/*/timing.tsv")).open() as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return {row["step"]: float(row["peak_memory_mb"]) for row in rows if row["scan"] == "sub-2"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("head", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    head = nib.as_closest_canonical(nib.load(options.head))
    found = {}
    for voxel in VOXEL_MM:
        root = options.folder / f"bids-{voxel}"
        size = dataset(head, voxel, root)
        found[size] = peaks(root, options.folder / f"out-{voxel}")
        print(f"{size:.1f} million voxels: {found[size]}", flush=True)
    sizes = np.array(sorted(found))
    for step in found[sizes[0]]:
        slope, base = np.polyfit(sizes, [found[size][step] for size in sizes], 1)
        print(f"{step}: {base / 1000:.2f} GB + {slope:.1f} MB per million voxels")


if __name__ == "__main__":
    main()
