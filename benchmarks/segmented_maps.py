"""Make label maps for pretraining from real scans, with open-anatomy.

Usage: python -m benchmarks.segmented_maps SHARED WORK OUT [SCAN ...]

SHARED has ``data/``; WORK keeps preprocessed volumes. OUT gets a label map of each scan in SCANS, or of those
named: the labels of all eight lattices on the model grid, of which the largest connected brain is kept. Maps
that are there are kept. Only shapes go from these scans into synthetic brains: their intensities, ages and
sexes are not used. Validation on the other scans stays independent of them (docs/pretraining.md).
"""

import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from scipy.ndimage import label

from neurofm_bids.anatomy.segmentation import segment
from neurofm_bids.pipeline.network import load_segmenter
from neurofm_bids.pretrain.anatomy.label_map import CODES
from neurofm_bids.pretrain.evaluation.prepared_scan import prepare
from neurofm_bids.storage.atomic import write_nifti

# Every second person, by number, of two datasets in the public domain.
SCANS = {
    "ds002748": ("01", "09", "17", "25", "33", "41", "52", "56", "60", "64", "68"),
    "ds000011": ("01", "05", "09"),
}


def label_map(t1w, folder):
    """Return the label map of a scan on the model grid."""
    image = prepare(t1w, folder, stability=False).image()
    labels = segment(np.asarray(image.dataobj), load_segmenter("cpu").network, 8).labels
    return nib.Nifti1Image(without_islands(labels), image.affine)


def without_islands(labels):
    """Return labels without parts of the brain that are apart from the largest."""
    parts, _ = label(~np.isin(labels, CODES["outside"]))
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.where(np.isin(parts, (0, sizes.argmax())), labels, 0).astype(np.int16)


def main():
    shared, work, out, *names = sys.argv[1:]
    torch.set_num_threads(1)
    for dataset, people in SCANS.items():
        for person in people:
            name, subject = f"{dataset}-{person}", f"sub-{person}"
            target = Path(out) / f"{name}.nii.gz"
            if target.is_file() or (names and name not in names):
                continue
            t1w = Path(shared, "data", dataset, subject, "anat", f"{subject}_T1w.nii.gz")
            write_nifti(target, label_map(t1w, Path(work, "segmented", name)))
            print(target.name, flush=True)


if __name__ == "__main__":
    main()
