"""Inject faults into real scans and record the image quality metrics and the judgement of each.

Usage: python benchmarks/quality_faults.py {run,back} WORK SHARED [SCAN ...]
       python benchmarks/quality_faults.py clean WORK SHARED
       python benchmarks/quality_faults.py whole WORK SHARED [SCAN ...]

``run`` goes through the kinds and strengths of benchmarks/quality_injection.py, strong and weak ones
alternately, and appends a line to WORK/faults.jsonl for each; it resumes where it was interrupted, and
``back`` goes through the kinds from the last, beside it. Each image goes through loading, brain extraction,
bias correction, registration and the metrics as in a run, but artefacts of intensities keep brain mask,
bias field and registration of the unchanged scan, and faults of the mask replace the brain mask. An image
that is refused counts as caught. Of a stripped scan, only what is inside its brain is changed. The network
does not run: flags of predictions take no part. ``clean`` records the scans as they are, and ``whole`` their
judgement with the networks. benchmarks/quality_table.py makes the tables of docs/quality.md from these lines.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from quality_injection import FAULTS, Fault, Head
from quality_scans import Prepared, read, sources

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.geometry import mask_image, resample_onto
from neurofm_bids.preprocess.bias_correction import correct_bias
from neurofm_bids.preprocess.brain_extraction import extract_brain
from neurofm_bids.preprocess.iqm import measure_quality
from neurofm_bids.preprocess.load import load_t1w
from neurofm_bids.preprocess.registration import load_template, register
from neurofm_bids.records.measurement import Registration

ORDER = (19, 0, 14, 9, 17, 4, 12, 16, 7, 2, 18, 11, 15, 13, 10, 8, 6, 5, 3, 1)


def chain(image: nib.Nifti1Image, mask: nib.Nifti1Image | None = None) -> dict[str, Any]:
    """Return the values that the rules are applied to, or why the image is refused, from every step."""
    template = load_template()
    try:
        t1w = load_t1w(image)
        mask = extract_brain(t1w)[0] if mask is None else mask
        corrected, _ = correct_bias(t1w, mask)
        registration = register(mask_image(corrected, mask), mask, template)
    except NeuroFMError as error:
        return {"refused": str(error)}
    return {"values": metrics_of(t1w, corrected, mask, registration)}


def metrics_of(
    t1w: nib.Nifti1Image, corrected: nib.Nifti1Image, mask: nib.Nifti1Image, registration: Registration
) -> dict[str, Any]:
    """Return the values that the rules are applied to."""
    template_mask = load_template().mask
    return measure_quality(t1w, corrected, mask, registration, template_mask=template_mask).values


def image_only(scan: Prepared, image: nib.Nifti1Image) -> dict[str, Any]:
    """Return the values of an image with the brain mask, bias field and registration of the unchanged scan.

    The correlation with the template is computed anew.
    """
    t1w = load_t1w(image)
    before, after = (np.asarray(i.dataobj, dtype=np.float32) for i in (scan.t1w, scan.corrected))
    field = np.divide(before, after, out=np.ones_like(before), where=after != 0)
    corrected = nib.Nifti1Image(np.asarray(t1w.dataobj) / np.maximum(field, 0.05), t1w.affine)
    template = load_template()
    target = np.asarray(template.mask.dataobj) > 0
    affine = np.array(scan.registration.affine)
    moved = resample_onto(mask_image(corrected, scan.mask), template.image, affine, order=1)
    pair = np.asarray(template.image.dataobj, dtype=float)[target], np.asarray(moved.dataobj)[target]
    correlation = float(np.nan_to_num(np.corrcoef(*pair)[0, 1]))
    registration = replace(scan.registration, correlation=correlation)
    return {"values": metrics_of(t1w, corrected, scan.mask, registration)}


def measured(scan: Prepared, fault: Fault, strength: float) -> dict[str, Any]:
    """Return what a fault of one strength gives."""
    head = Head(scan.t1w, np.asarray(scan.mask.dataobj) > 0)
    made = fault.inject(head, strength)
    if fault.kind == "mask":
        return chain(head.image, made)
    if scan.brain_extraction.method == "none" and made.shape == head.image.shape:
        data = np.where(head.data > 0, np.asarray(made.dataobj), 0)
        made = nib.Nifti1Image(data.astype(np.float32), made.affine, made.header)
    return image_only(scan, made) if fault.kind == "image" else chain(made)


def run(work: Path, shared: Path, names: list[str], kinds: list[str]) -> None:
    """Append the lines that are not there yet."""
    path = work / "faults.jsonl"
    path.touch()
    with path.open("a") as stream:
        for level in ORDER:
            for name in names or list(sources(shared)):
                scan = read(name, work / "scans")
                for kind in kinds:
                    fault = FAULTS[kind]
                    strength = fault.strengths[level]
                    if (name, kind, strength) in _done(path):
                        continue
                    row = {"scan": name, "kind": kind, "strength": strength}
                    row |= measured(scan, fault, strength)
                    stream.write(json.dumps(row) + "\n")
                    stream.flush()


def clean(work: Path, shared: Path) -> None:
    """Write the values of the scans as they are to WORK/clean.jsonl."""
    with (work / "clean.jsonl").open("w") as stream:
        for name in sources(shared):
            scan = read(name, work / "scans")
            values = metrics_of(scan.t1w, scan.corrected, scan.mask, scan.registration)
            stream.write(json.dumps({"scan": name, "values": values}) + "\n")


def _done(path: Path) -> set[tuple[str, str, float]]:
    return {(row["scan"], row["kind"], row["strength"]) for row in lines(path)}


def whole(work: Path, shared: Path, names: list[str]) -> None:
    """Append the judgement of scans as they are, networks included, to WORK/whole.jsonl."""
    from neurofm_bids import NeuroFM

    model = NeuroFM("open-s", device="cpu")
    with (work / "whole.jsonl").open("a") as stream:
        for name, path in sources(shared).items():
            if names and name not in names:
                continue
            result = model.predict(str(path))
            flags = {flag.name: flag.message for flag in result.flags}
            row = {"scan": name, "status": result.quality.status, "flags": flags}
            stream.write(json.dumps(row) + "\n")
            stream.flush()


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a file, of equal cases the last."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return list({(row["scan"], row.get("kind"), row.get("strength")): row for row in rows}.values())


def main(command: str, work: str, *arguments: str) -> None:
    """Run a command."""
    if command in {"run", "back"}:
        kinds = list(FAULTS) if command == "run" else list(FAULTS)[::-1]
        run(Path(work), Path(arguments[0]), list(arguments[1:]), kinds)
    elif command == "whole":
        whole(Path(work), Path(arguments[0]), list(arguments[1:]))
    else:
        clean(Path(work), Path(arguments[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
