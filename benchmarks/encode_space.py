"""Compare encoding spaces and numbers of views by test-retest and by agreement with the native pose.

Usage: python benchmarks/encode_space.py T1W [T1W ...]

Each head is also resampled in other poses (rotated by 5, 10 and 20 degrees and shifted; cubic spline, 1 mm
voxels), the pipeline runs on each, and the predictions are compared over poses. Printed per head, space and
number of views: standard deviation over poses of age (years), sex (probability) and volumes (ml), and the
smallest cosine similarity of features, centred on the mean feature vector of all heads in that space.
"""

import sys
from collections import defaultdict

import nibabel as nib
import numpy as np
from scipy.spatial.transform import Rotation

from neurofm_bids.config import Processing
from neurofm_bids.geometry import mask_image, resample_onto
from neurofm_bids.model.encoder import Encoder
from neurofm_bids.model.weights import load_model
from neurofm_bids.pipeline.in_memory import run_in_memory
from neurofm_bids.pipeline.task import Task
from neurofm_bids.preprocess.load import load_t1w
from neurofm_bids.preprocess.model_grid import model_grid
from neurofm_bids.records.scan import Identity

POSES = ((0, (0, 0, 0)), (5, (2, -3, 1)), (10, (-4.5, 1.5, 3.5)), (20, (3.3, 4.1, -2.7)))
VIEWS = (1, 2, 4, 8, 16, 32)


def posed(image, degrees, shift, rng):
    if not degrees:
        return image
    axis = rng.normal(size=3)
    rotation = Rotation.from_rotvec(np.radians(degrees) * axis / np.linalg.norm(axis)).as_matrix()
    centre = nib.affines.apply_affine(image.affine, (np.array(image.shape) - 1) / 2)
    motion = nib.affines.from_matvec(rotation, centre - rotation @ centre + shift)
    affine = nib.affines.from_matvec(np.eye(3), centre - 119.5)
    grid = nib.Nifti1Image(np.zeros((240,) * 3, np.uint8), affine)
    data = resample_onto(image, grid, motion, order=3).dataobj
    return nib.Nifti1Image(np.maximum(data, 0), affine)


def encodings(image, encoder):
    """Yield (space, views, features, values) of one image, which is preprocessed once."""
    made = run_in_memory(Task(image, Identity(), {}, Processing(), ""), ["registration"])
    brain, rigid = mask_image(made["corrected"], made["mask"]), np.array(made["registration"].rigid)
    for space in ("rigid", "native"):
        grid, _ = model_grid(brain, made["mask"], space=space, t1w_to_template=rigid)
        for views in VIEWS:
            encoding = encoder.encode(np.asarray(grid.dataobj, dtype=np.float32), views=views)
            values = [p.value / (1000 if p.units == "mm^3" else 1) for p in encoding.predictions.values()]
            yield space, views, encoding.features, values


def main():
    encoder, rng = Encoder(load_model("open-s"), Processing(device="cpu")), np.random.default_rng(3)
    features, values = defaultdict(list), defaultdict(list)
    for head, path in enumerate(sys.argv[1:]):
        image = load_t1w(path)
        for degrees, shift in POSES:
            for space, views, latent, numbers in encodings(posed(image, degrees, shift, rng), encoder):
                features[space, views].append((head, latent))
                values[space, views].append((head, numbers))
        print(f"{path} done", flush=True)
    names = ("age", "sex", "ventricles", "brain")
    for key in values:
        mean = np.mean([latent for _, latent in features[key]], axis=0)
        spread, lowest = [], []
        for head in range(len(sys.argv) - 1):
            spread.append(np.std([v for h, v in values[key] if h == head], axis=0, ddof=1))
            latents = [f - mean for h, f in features[key] if h == head]
            lowest.append(
                min(a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a in latents[1:] for b in latents[:1])
            )
        shown = ", ".join(f"{n} {v:.3g}" for n, v in zip(names, np.mean(spread, axis=0), strict=True))
        print(f"{key[0]}\t{key[1]} views\tsd over poses: {shown}; cosine {np.min(lowest):.3f}", flush=True)


if __name__ == "__main__":
    main()
