"""Prepare real scans for the benchmarks of image quality: masked, corrected for bias, registered.

Usage: python benchmarks/quality_scans.py WORK SHARED

Each scan under SHARED/data is loaded and taken through the steps up to the registration; the images and the
registration are kept in WORK, so that artefacts can be injected without running these steps again. Scans that
are there already are left as they are.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from neurofm_bids.config import Processing
from neurofm_bids.pipeline.in_memory import run_in_memory
from neurofm_bids.pipeline.task import Task
from neurofm_bids.records.measurement import BrainExtraction, Registration
from neurofm_bids.records.scan import Identity
from neurofm_bids.records.schema import from_text, to_text

IMAGES = ("t1w", "mask", "corrected")


@dataclass(frozen=True)
class Prepared:
    """What the image quality metrics are computed from."""

    name: str
    t1w: nib.Nifti1Image
    mask: nib.Nifti1Image
    corrected: nib.Nifti1Image
    registration: Registration
    brain_extraction: BrainExtraction


def sources(shared: Path) -> dict[str, Path]:
    """Return the path of each real scan by a short name."""
    data = shared / "data"
    paths = [*data.rglob("*_T1w.nii.gz"), *data.glob("aomic/*_T1w.mgz"), *data.glob("ds000247/*_T1.mgz")]
    return {f"{_dataset(p, data)}_{p.name.split('_T1')[0]}": p for p in sorted(paths)}


def _dataset(path: Path, data: Path) -> str:
    return path.relative_to(data).parts[0].split("_")[0]


def prepare(name: str, path: Path, work: Path) -> None:
    """Run one scan up to the registration and keep its images."""
    task = Task(str(path), Identity(), {}, Processing(), "")
    values = run_in_memory(task, ["registration"])
    for image in IMAGES:
        nib.save(values[image], work / f"{name}_{image}.nii")
    (work / f"{name}_brain.json").write_text(to_text(values["brain_extraction"], BrainExtraction))
    (work / f"{name}_registration.json").write_text(to_text(values["registration"], Registration))


def read(name: str, work: Path) -> Prepared:
    """Return a prepared scan."""
    images = [nib.load(work / f"{name}_{image}.nii") for image in IMAGES]
    loaded = [nib.Nifti1Image(np.asarray(i.dataobj), i.affine, i.header) for i in images]
    registration = from_text(Registration, (work / f"{name}_registration.json").read_text())
    extraction = from_text(BrainExtraction, (work / f"{name}_brain.json").read_text())
    t1w, mask, corrected = loaded
    return Prepared(name, t1w, mask, corrected, registration, extraction)


def main(work: Path, shared: Path) -> None:
    """Prepare every scan that is not there yet."""
    work.mkdir(parents=True, exist_ok=True)
    for name, path in sources(shared).items():
        if (work / f"{name}_registration.json").exists():
            continue
        start = time.process_time()
        prepare(name, path, work)
        print(f"{name}\t{time.process_time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
