"""Draw good and bad cases of image quality, with the judgement of each.

Usage: python benchmarks/quality_pictures.py WORK SCAN OUT

One slice of a prepared scan (benchmarks/quality_scans.py) as it is, and with faults of
benchmarks/quality_injection.py at the least gross strength.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import nibabel as nib
import numpy as np
from quality_faults import measured
from quality_injection import FAULTS, Head
from quality_scans import read

from neurofm_bids.records.judgement import judge
from neurofm_bids.records.rules import raised_flags

mpl.use("Agg")
SHOWN = (
    "noise",
    "blur",
    "ghosting",
    "ringing",
    "motion",
    "spikes",
    "bias",
    "cut field of view",
    "other contrast",
    "clipped intensities",
    "missing slices",
)
SIDEWAYS = {"cut field of view", "missing slices"}


def slice_of(image: nib.Nifti1Image, *, sideways: bool) -> np.ndarray:
    """Return a slice through the middle, front or top upwards."""
    data = np.asarray(nib.as_closest_canonical(image).dataobj)
    x, _, z = (n // 2 for n in data.shape)
    return np.rot90(data[x] if sideways else data[:, :, round(1.1 * z)])


def main(work: Path, name: str, out: Path) -> None:
    """Write the picture."""
    from matplotlib import pyplot as plt
    from PIL import Image

    scan = read(name, work / "scans")
    head = Head(scan.t1w, np.asarray(scan.mask.dataobj) > 0)
    figure, axes = plt.subplots(3, 4, figsize=(7.2, 6.6), dpi=110)
    panels = [("as it is", scan.t1w, "ok", [])]
    for kind in SHOWN:
        fault = FAULTS[kind]
        strength = min(s for s in fault.strengths if s >= fault.gross)
        row = measured(scan, fault, strength)
        flags = raised_flags(row["values"]) if "values" in row else ()
        status = judge(flags).status if "values" in row else "refused"
        title = f"{kind}: {strength:g} {fault.unit}"
        panels.append((title, fault.inject(head, strength), status, [flag.name for flag in flags]))
    for axis, (title, image, status, names) in zip(axes.flat, panels, strict=True):
        shown = slice_of(image, sideways=title.split(":")[0] in SIDEWAYS)
        axis.imshow(shown, cmap="gray", vmin=0, vmax=np.quantile(shown, 0.995), aspect="auto")
        below = ", ".join(names[:2]).replace("_", " ")
        axis.set_title(title, fontsize=6.5)
        axis.set_xlabel(f"{status}" + (f": {below}" if below else ""), fontsize=6)
        axis.set(xticks=[], yticks=[])
    figure.tight_layout()
    figure.canvas.draw()
    Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("L").quantize(32).save(
        out, optimize=True
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
