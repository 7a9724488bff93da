"""Measure how far the fluid of the lateral ventricles reaches beyond labels of FreeSurfer.

Usage: python -m benchmarks.ventricle_border SHARED

SHARED has ``data/`` with the labelled heads of benchmarks/validation.py. For each, and for the border with
white matter and that with deep grey matter, printed: the intensity of fluid and of the tissue 2.5 to 4.5 mm
away, relative to white matter, and the distance from the border of the labels, in mm, at which the mean
intensity is half way between the two.
"""

import sys
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy.ndimage import distance_transform_edt

from benchmarks.validation import LABELLED
from neurofm_bids.pretrain.anatomy.label_map import CODES

WHITE, DEEP = (2, 41, 251, 252, 253, 254, 255), (10, 11, 49, 50)
PLEXUS = CODES["choroid plexus"]
STEP_MM = 0.25


def crossing(depth, image, middle):
    """Return the depth at which the mean of an image, in windows of 1 mm, first exceeds a value."""
    depths = np.arange(-3, 3 + STEP_MM, STEP_MM)
    means = np.array([image[np.abs(depth - d) <= 0.5].mean() for d in depths])
    after = int(np.argmax(means > middle))
    share = (middle - means[after - 1]) / (means[after] - means[after - 1])
    return depths[after - 1] + share * STEP_MM


def main():
    data = Path(sys.argv[1]) / "data"
    print("| Head | Border | Fluid | Tissue | Half way at (mm) |\n| --- | --- | --- | --- | --- |")
    for name, (t1w, labels, *_) in LABELLED.items():
        image = np.asarray(nib.load(data / t1w).dataobj, dtype=np.float64)
        codes = np.asarray(nib.load(data / labels).dataobj).astype(int)
        image /= np.median(image[np.isin(codes, CODES["white matter"])])
        lateral = np.isin(codes, CODES["lateral ventricles"])
        inside = distance_transform_edt(lateral)
        depth = np.where(lateral, 0.5 - inside, distance_transform_edt(~lateral) - 0.5)
        far_from_plexus = distance_transform_edt(~np.isin(codes, PLEXUS)) > 3
        usable = (np.abs(depth) < 6) & far_from_plexus & ~np.isin(codes, CODES["other ventricles"])
        fluid = np.median(image[(inside > 2.5) & ~np.isin(codes, PLEXUS)])
        to_white, to_deep = (distance_transform_edt(~np.isin(codes, kind)) for kind in (WHITE, DEEP))
        for border, side in (("white matter", to_white < to_deep), ("deep grey matter", to_white >= to_deep)):
            near = usable & side
            tissue = np.median(image[near & (depth > 2.5) & (depth < 4.5)])
            where = crossing(depth[near], image[near], (fluid + tissue) / 2)
            print(f"| {name} | {border} | {fluid:.2f} | {tissue:.2f} | {where:.2f} |", flush=True)


if __name__ == "__main__":
    main()
