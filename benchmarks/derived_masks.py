"""What masks and bias corrections of other programs change in predictions of open-s.

Masks as other programs write them are made from the own mask of each scan; further masks of the first scan
are given with ``--mask``.

    python benchmarks/derived_masks.py T1W ... [--mask MASK]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.processing import resample_from_to
from scipy.ndimage import binary_erosion

from neurofm_bids.bids.derivative_layouts import BIAS_CORRECTED, MASK
from neurofm_bids.bids.derived import DerivedFile
from neurofm_bids.config import Processing
from neurofm_bids.geometry import conformed_affine
from neurofm_bids.model.encoder import Encoder
from neurofm_bids.model.weights import load_model
from neurofm_bids.pipeline.in_memory import run_in_memory
from neurofm_bids.pipeline.task import Task
from neurofm_bids.preprocess.derived_images import derived_mask
from neurofm_bids.preprocess.load import load_t1w
from neurofm_bids.records.scan import Identity

TARGETS = ("age", "brain_volume", "ventricular_volume")
LOADED = load_model("open-s", None)


def run(source: Any, *derived: DerivedFile, **settings: str) -> dict[str, Any]:
    processing = Processing(device="cpu", no_anatomy=True, **settings)
    task = Task(
        source,
        Identity(),
        {},
        processing,
        LOADED.sha256,
        derived=derived,
        encoder=Encoder(LOADED, processing),
    )
    return run_in_memory(task, ["record"])


def show(name: str, made: dict[str, Any], mask: nib.Nifti1Image) -> None:
    record = made["record"]
    one, other = (np.asarray(image.dataobj) > 0 for image in (mask, made["mask"]))
    dice = 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))
    values = [record.predictions[target].value for target in TARGETS]
    volume = record.measurements.brain_extraction.volume_mm3 / 1000
    numbers = f"{dice:.4f}\t{volume:.0f}\t{values[0]:.2f}\t{values[1] / 1000:.1f}\t{values[2] / 1000:.2f}"
    sys.stdout.write(f"{name}\t{numbers}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("t1w", type=Path, nargs="+")
    parser.add_argument("--mask", type=Path, action="append", default=[])
    given = parser.parse_args()
    sys.stdout.write("mask\tDice with own\tmask ml\tage\tbrain ml\tventricles ml\n")
    for number, path in enumerate(given.t1w):
        with tempfile.TemporaryDirectory() as folder:
            compare(path, given.mask if number == 0 else [], Path(folder))


def compare(path: Path, masks: list[Path], folder: Path) -> None:
    own = run(path)
    mask = own["mask"]
    show(f"{path.name}: own", own, mask)
    for name, image in layouts(mask).items():
        nib.save(image, folder / name)
        show(
            f"  own, as {name}",
            run(path, DerivedFile(MASK.use, folder / name), skull_strip="derivatives"),
            mask,
        )
    for name, image in {"eroded by 2 mm": eroded(mask, 2)}.items():
        nib.save(image, folder / "mask.nii.gz")
        file = DerivedFile(MASK.use, folder / "mask.nii.gz")
        show(f"  own, {name}", run(path, file, skull_strip="derivatives"), mask)
    for other in masks:
        show(f"  {other.name}", run(path, DerivedFile(MASK.use, other), skull_strip="derivatives"), mask)
    nib.save(nib.as_closest_canonical(own["corrected"]), folder / "preproc.nii.gz")
    corrected = DerivedFile(BIAS_CORRECTED.use, folder / "preproc.nii.gz")
    show("  own N4 as a derivative", run(path, corrected, bias_correction="derivatives"), mask)
    again = run(load_t1w(folder / "preproc.nii.gz"), DerivedFile(MASK.use, mask), skull_strip="derivatives")
    again["mask"] = mask
    show("  N4 twice", again, mask)
    show("  no bias correction", run(path, bias_correction="none"), mask)
    places(load_t1w(path), mask)


def layouts(mask: nib.Nifti1Image) -> dict[str, nib.Nifti1Image]:
    """Return a mask as fMRIPrep (RAS) and FastSurfer (conformed to 256^3 voxels of 1 mm) write it."""
    grid = ((256,) * 3, conformed_affine(mask))
    conformed = resample_from_to(
        nib.Nifti1Image(np.asarray(mask.dataobj, dtype=np.float32), mask.affine), grid, order=1
    )
    data = (np.asarray(conformed.dataobj) > 0.5).astype(np.uint8)
    return {
        "fmriprep.nii.gz": nib.as_closest_canonical(mask),
        "fastsurfer.mgz": nib.MGHImage(data, conformed.affine),
    }


def eroded(mask: nib.Nifti1Image, mm: float) -> nib.Nifti1Image:
    reach = [int(np.ceil(mm / size)) for size in mask.header.get_zooms()[:3]]
    grids = np.ogrid[tuple(slice(-r, r + 1) for r in reach)]
    ball = sum((g * size) ** 2 for g, size in zip(grids, mask.header.get_zooms()[:3], strict=True)) <= mm**2
    return nib.Nifti1Image(binary_erosion(np.asarray(mask.dataobj), ball).astype(np.uint8), mask.affine)


def places(t1w: nib.Nifti1Image, mask: nib.Nifti1Image) -> None:
    """Show which shifts of a mask are refused."""
    for axis in range(3):
        for shift in (-80, -60, -40, -20, 20, 40, 60, 80):
            moved = np.eye(4)
            moved[axis, 3] = shift
            try:
                derived_mask(t1w, nib.Nifti1Image(mask.dataobj, moved @ mask.affine))
                verdict = "used"
            except Exception as error:
                verdict = str(error)[:70]
            sys.stdout.write(f"  shift {axis} {shift} mm\t{verdict}\n")


if __name__ == "__main__":
    main()
