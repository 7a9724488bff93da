"""Rotate a head by known motions and measure how well registration recovers them.

Usage: python benchmarks/registration.py T1W [T1W ...]

For each head, the brain is moved by known rigid motions (resampled, linear), registered, and the registration
composed with the motion is compared with the registration of the unmoved brain: mean distance of brain points
in mm, for the affine, its rigid part, and a rigid transform optimised directly. CPU seconds beside.
"""

import os
import sys
import tempfile
import time

os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"

import ants
import nibabel as nib
import numpy as np
from scipy.spatial.transform import Rotation

from neurofm_bids.geometry import GRID_SIZE, grid_around, mask_image, resample_onto
from neurofm_bids.preprocess.brain_extraction import extract_brain
from neurofm_bids.preprocess.load import load_t1w
from neurofm_bids.preprocess.registration import load_template, read_itk, register, to_ants

ANGLES = (5, 10, 20, 30, 45)


def moved_by(motion, centre, image):
    grid = nib.Nifti1Image(np.zeros((GRID_SIZE,) * 3, np.uint8), grid_around(centre))
    return resample_onto(image, grid, motion, order=1)


def optimised_rigid(brain, template):
    moving = ants.resample_image(to_ants(brain), (2.0,) * 3, use_voxels=False, interp_type=0)
    with tempfile.TemporaryDirectory() as folder:
        result = ants.registration(
            fixed=to_ants(template.image),
            moving=moving,
            type_of_transform="Rigid",
            outprefix=f"{folder}/rigid_",
            aff_iterations=(200, 50, 20),
            aff_shrink_factors=(4, 2, 1),
            aff_smoothing_sigmas=(2, 1, 0),
            aff_random_sampling_rate=0.2,
        )
        return read_itk(result["fwdtransforms"][0])


def estimates(brain, mask, template):
    start = time.process_time()
    result = register(brain, mask, template, seed=20260101)
    middle = time.process_time()
    direct = optimised_rigid(brain, template)
    seconds = middle - start, time.process_time() - middle
    return {"affine": result.affine, "rigid part": result.rigid, "optimised rigid": direct}, seconds


def distance(a, b, points):
    return np.linalg.norm(
        nib.affines.apply_affine(a, points) - nib.affines.apply_affine(b, points), axis=1
    ).mean()


def main():
    template = load_template()
    rng = np.random.default_rng(1)
    for path in sys.argv[1:]:
        t1w = load_t1w(path)
        mask, _ = extract_brain(t1w)
        brain = mask_image(t1w, mask)
        points = nib.affines.apply_affine(mask.affine, np.argwhere(np.asarray(mask.dataobj) > 0)[::5000])
        centre = points.mean(axis=0)
        still, _ = estimates(brain, mask, template)
        for angle in ANGLES:
            axis = rng.normal(size=3)
            rotation = Rotation.from_rotvec(np.radians(angle) * axis / np.linalg.norm(axis)).as_matrix()
            motion = nib.affines.from_matvec(rotation, centre - rotation @ centre + rng.normal(size=3) * 5)
            try:
                images = (moved_by(motion, centre, image) for image in (brain, mask))
                moved, seconds = estimates(*images, template)
            except Exception as error:
                print(f"{path}\t{angle} degrees\t{error}", flush=True)
                continue
            rows = [f"{name} {distance(moved[name] @ motion, still[name], points):.2f} mm" for name in still]
            print(
                f"{path}\t{angle} degrees\t",
                ", ".join(rows),
                f"CPU s {seconds[0]:.1f}, {seconds[1]:.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
