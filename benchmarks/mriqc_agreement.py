"""Compare image quality metrics with the functions of MRIQC on the same arrays and masks.

Usage: python benchmarks/mriqc_agreement.py WORK PYTHON SCAN [SCAN ...]

WORK/scans holds scans prepared with benchmarks/quality_scans.py; PYTHON is the interpreter of an environment
with mriqc. For each scan, the bias-corrected image, the probabilities of the tissues, the masks of head and
air and the bias field of this package are handed to ``mriqc.qc.anatomical``: summary statistics weighted with
the probabilities, then SNR, CNR, CJV, EFC, FBER, QI1 and WM2MAX as MRIQC's interface calls them. MRIQC rounds
intensities to whole numbers, so that images are scaled to a white matter of 1000 for both, as MRIQC does.
Prints a table: value of this package, of MRIQC, and the relative difference.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
from quality_scans import read

from neurofm_bids.preprocess.iqm import measure_quality
from neurofm_bids.preprocess.quality.scan import Scan
from neurofm_bids.preprocess.registration import load_template

WHITE = 1000.0
THEIRS = """
import json, sys
import numpy as np
from importlib.metadata import version
from mriqc.qc import anatomical as q
a = np.load(sys.argv[1])
image, lattice = a["image"], a["lattice"]
s = q.summary_stats(image, {k: a[k] for k in ("csf", "gm", "wm")})
found = {f"snr_{k}": q.snr(s[k]["median"], s[k]["stdv"], s[k]["n"]) for k in s}
has_air = "hat" in a
bg = q.summary_stats(lattice, {"bg": a["hat"] * 1.0})["bg"]["stdv"] if has_air else 0.0
found["cnr"] = q.cnr(s["wm"]["median"], s["gm"]["median"], bg, s["wm"]["stdv"], s["gm"]["stdv"])
found["cjv"] = q.cjv(s["wm"]["median"], s["gm"]["median"], s["wm"]["mad"], s["gm"]["mad"])
found["wm2max"] = q.wm2max(image, s["wm"]["median"])
found["efc"] = q.efc(image, decimals=9)
if has_air:
    found["fber"] = q.fber(lattice, a["head"].astype(np.uint8), a["padding"].astype(np.uint8))
    found["qi1"] = q.art_qi1(a["hat"], a["artefacts"])
field = a["field"]
found["inu_range"] = abs(np.percentile(field, 95) - np.percentile(field, 5)) / np.median(field)
print(json.dumps({"version": version("mriqc"), **{k: float(v) for k, v in found.items()}}))
"""


def scaled(image: nib.Nifti1Image, factor: float) -> nib.Nifti1Image:
    """Return an image without negative values, times a factor."""
    data = np.maximum(np.asarray(image.dataobj), 0) * np.float32(factor)
    return nib.Nifti1Image(data, image.affine, image.header)


def arrays_of(scan: Scan) -> dict[str, np.ndarray]:
    """Return what MRIQC's functions are called with."""
    made = {"image": np.asarray(scan.corrected.dataobj, dtype=np.float64), "field": scan.bias_field}
    posteriors = scan.model.posterior_of(scan.values)
    for name, values in zip(("csf", "gm", "wm"), posteriors, strict=True):
        volume = np.zeros(made["image"].shape)
        volume[scan.crop][scan.brain] = values
        made[name] = volume
    made["lattice"] = made["image"]
    if scan.air_sd:
        air, artefacts = scan.air, scan.air.artefacts
        made |= {"lattice": air.image.astype(float), "head": air.head, "padding": air.padding}
        made |= {"hat": air.hat & ~artefacts, "artefacts": artefacts}
    return made


def compare(name: str, work: Path, python: str) -> dict[str, tuple[float, float]]:
    """Return the values of this package and of MRIQC by metric."""
    found, template_mask = read(name, work / "scans"), load_template().mask
    first = Scan(found.t1w, found.corrected, found.mask, found.registration, template_mask)
    images = (scaled(image, WHITE / first.white) for image in (found.t1w, found.corrected))
    t1w, corrected = images
    scan = replace(first, t1w=t1w, corrected=corrected)
    ours = measure_quality(
        t1w, corrected, found.mask, found.registration, template_mask=template_mask
    ).metrics
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arrays.npz"
        np.savez(path, **arrays_of(scan))
        done = subprocess.run([python, "-c", THEIRS, str(path)], capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout.splitlines()[-1])
    print(f"{name}: mriqc {theirs.pop('version')}", file=sys.stderr)
    return {metric: (ours[metric], value) for metric, value in theirs.items()}


def main(work: Path, python: str, names: list[str]) -> None:
    """Print the values of each scan, and by metric their ranges and the largest difference."""
    print("| Scan | Metric | This package | MRIQC | Difference |\n| --- | --- | --- | --- | --- |")
    pairs: dict[str, list[tuple[float, float]]] = {}
    for name in names:
        for metric, (one, other) in compare(name, work, python).items():
            pairs.setdefault(metric, []).append((one, other))
            print(f"| {name} | `{metric}` | {one:.4g} | {other:.4g} | {difference(one, other):.2%} |")
    print("\n| Metric | Scans | This package | MRIQC | Largest difference |\n| --- | --- | --- | --- | --- |")
    for metric, found in pairs.items():
        ranges = (f"{min(values):.4g} to {max(values):.4g}" for values in zip(*found, strict=True))
        largest = max(difference(*pair) for pair in found)
        print(f"| `{metric}` | {len(found)} | {' | '.join(ranges)} | {largest:.2%} |")


def difference(one: float, other: float) -> float:
    """Return the difference of two values over the second."""
    return abs(one - other) / max(abs(other), 1e-12) if one != other else 0.0


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
