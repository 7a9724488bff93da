"""Which tissue of a real head makes predictions deviate: regions painted with their median intensity.

Usage: python -m benchmarks.painted_regions SHARED WORK WEIGHTS

SHARED has ``data/`` with the labelled heads of benchmarks/validation.py; WORK keeps preprocessed volumes. For
each head: age, lateral ventricles and brain as predicted from the image, and from images in which the voxels
of one region, or of all, have the median of the region. A network that reads labels as they are drawn would
predict the same from all of them. "Around" is what the labels leave out inside of the mask.
"""

import sys
from pathlib import Path

import numpy as np

from benchmarks.validation import LABELLED, labelled_dataset
from neurofm_bids.config import Processing
from neurofm_bids.model.encoder import Encoder
from neurofm_bids.model.weights import load_model
from neurofm_bids.pretrain.evaluation.label_image import read_label_image
from neurofm_bids.pretrain.evaluation.prepared_scan import prepare

AROUND = "around"
REGIONS = {
    "cortex": (3, 42),
    "white matter": (2, 41, 77, 251, 252, 253, 254, 255),
    "thalamus": (10, 49),
    "other deep grey matter": (11, 12, 13, 17, 18, 26, 28, 50, 51, 52, 53, 54, 58, 60),
    "cerebellar cortex": (8, 47),
    "cerebellar white matter": (7, 46),
    "brainstem": (16,),
    "lateral ventricles": (4, 5, 31, 43, 44, 63),
    "other ventricles": (14, 15),
    AROUND: (0, 24),
}
DIMMEST = 0.08  # of white matter; darker voxels are outside of the mask
VIEWS = 2


def painted(image, codes):
    """Yield (name, image) for the image itself, each painted region, and all of them."""
    white = np.median(image[np.isin(codes, REGIONS["white matter"])])
    everything = image.copy()
    yield "as it is", image
    for name, of in REGIONS.items():
        region = np.isin(codes, of) & (image > DIMMEST * white)
        one = image.copy()
        one[region] = everything[region] = np.median(image[region])
        yield name, one
    yield "all", everything


def main():
    shared, work, weights = map(Path, sys.argv[1:])
    dataset = labelled_dataset(shared / "data", work / "labelled-bids")
    encoder = Encoder(load_model(Processing.model, weights), Processing(weights=weights))
    print("| Head | Painted | Age | Lateral ventricles (ml) | Brain (ml) |\n|---|---|---|---|---|")
    for head in LABELLED:
        t1w = dataset / f"sub-{head}" / "anat" / f"sub-{head}_T1w.nii.gz"
        scan = prepare(t1w, work / "labelled" / "volumes" / f"sub-{head}", stability=False)
        labels = read_label_image([shared / "data" / LABELLED[head][1]])
        for name, image in painted(scan.volume(), labels.on_grid(scan)):
            found = encoder.encode(image, views=VIEWS).predictions
            volumes = (found[target].value / 1000 for target in ("ventricular_volume", "brain_volume"))
            cells = " | ".join(f"{value:.1f}" for value in (found["age"].value, *volumes))
            print(f"| {head} | {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
