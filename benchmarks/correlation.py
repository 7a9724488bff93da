"""Correlation of brains with the template where registration is right, and where it is known to be wrong.

Usage: python benchmarks/correlation.py T1W [T1W ...]

Wrong registrations are the right one followed by a rotation about an axis of the template through the centre
of its brain, or by a shift. Prints the range over scans: the limit of the flag ``low_correlation`` must lie
below all that are right, and above as many of the others as possible.
"""

import sys

import nibabel as nib
import numpy as np
from scipy.spatial.transform import Rotation

from neurofm_bids.geometry import centre_of, mask_image, resample_onto
from neurofm_bids.preprocess.brain_extraction import extract_brain
from neurofm_bids.preprocess.load import load_t1w
from neurofm_bids.preprocess.registration import load_template, register

ANGLES, SHIFTS_MM = (10, 20, 30, 45, 90, 180), (5, 10, 20)


def wrong_motions(centre):
    """Return lists of rigid motions by name, one for each axis."""
    motions = {}
    for angle in ANGLES:
        turns = Rotation.from_rotvec(np.radians(angle) * np.eye(3)).as_matrix()
        motions[f"rotated by {angle} degrees"] = [
            nib.affines.from_matvec(turn, centre - turn @ centre) for turn in turns
        ]
    for shift in SHIFTS_MM:
        rows = shift * np.eye(3)
        motions[f"shifted by {shift} mm"] = [nib.affines.from_matvec(np.eye(3), row) for row in rows]
    return motions


def correlation(brain, affine, template):
    inside = np.asarray(template.mask.dataobj) > 0
    moved = np.asarray(resample_onto(brain, template.image, affine, order=1).dataobj)
    return np.corrcoef(np.asarray(template.image.dataobj)[inside], moved[inside])[0, 1]


def main():
    template = load_template()
    motions = wrong_motions(centre_of(template.mask))
    found = {"right": [], **{name: [] for name in motions}}
    for path in sys.argv[1:]:
        t1w = load_t1w(path)
        mask, _ = extract_brain(t1w)
        brain = mask_image(t1w, mask)
        result = register(brain, mask, template)
        found["right"].append(result.correlation)
        for name, some in motions.items():
            found[name] += [correlation(brain, motion @ result.affine, template) for motion in some]
        print(f"{path}: {result.correlation:.3f}", flush=True)
    print("\n| Registration | lowest | 5 % | median | 95 % | highest |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, values in found.items():
        cells = np.quantile(values, [0, 0.05, 0.5, 0.95, 1])
        print(f"| {name} | {' | '.join(f'{cell:.2f}' for cell in cells)} |")


if __name__ == "__main__":
    main()
