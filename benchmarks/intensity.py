"""What the unit of the intensities changes where they do not lie on whole steps, as in resampled images.

The intensities of a head are raised to the power 1.01, so that they lie on no steps, and stored in single
precision with several units. Prints the largest shift of a point within 80 mm of the centre by the rigid
registration, and the largest change of a prediction in its standard deviations over the passes.

    python benchmarks/intensity.py HEAD.nii.gz
"""

from __future__ import annotations

import sys

import nibabel as nib
import numpy as np

from neurofm_bids import NeuroFM

UNITS = (1e-6, 1 / 4095, 1e6)
CORNERS = 80 / np.sqrt(3) * np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])


def main() -> None:
    image = nib.load(sys.argv[1])
    data = np.asarray(image.dataobj, dtype=np.float64) ** 1.01
    model = NeuroFM("open-s", device="cpu")
    first, *others = (
        model.predict(nib.Nifti1Image((data * unit).astype(np.float32), image.affine))
        for unit in (1.0, *UNITS)
    )
    for unit, result in zip(UNITS, others, strict=True):
        rigid, moved = (np.array(r.record.measurements.registration.rigid) for r in (first, result))
        shift = np.linalg.norm(
            nib.affines.apply_affine(np.linalg.inv(rigid) @ moved, CORNERS) - CORNERS, axis=1
        )
        change = max(abs(result.predictions[n].value - p.value) / p.sd for n, p in first.predictions.items())
        print(f"| {unit:.3g} | {shift.max():.3f} mm | {change:.3f} |", flush=True)


if __name__ == "__main__":
    main()
