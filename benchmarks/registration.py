"""Rotate a head by known motions and measure how well registration recovers them.

Usage: python benchmarks/registration.py T1W [T1W ...]

For each head, the brain is moved by known rigid motions (resampled, linear), registered, and the registration
composed with the motion is compared with the registration of the unmoved brain: mean distance of brain points
in mm, for the affine and its rigid part, of this package and of antspyx (mutual information, rigid then
affine: pipeline version 2). CPU seconds beside.
"""

import os
import sys
import tempfile
import time

os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
os.environ["ANTS_RANDOM_SEED"] = "20260101"

import ants
import nibabel as nib
import numpy as np
from nibabel.affines import from_matvec
from scipy.spatial.transform import Rotation

from neurofm_bids.geometry import (
    GRID_SIZE,
    LPS,
    centre_of,
    grid_around,
    mask_image,
    resample_onto,
    rigid_part,
)
from neurofm_bids.preprocess.brain_extraction import extract_brain
from neurofm_bids.preprocess.load import load_t1w
from neurofm_bids.preprocess.registration import load_template, register

ANGLES = (5, 10, 20, 30, 45)


def moved_by(motion, centre, image):
    grid = nib.Nifti1Image(np.zeros((GRID_SIZE,) * 3, np.uint8), grid_around(centre))
    return resample_onto(image, grid, motion, order=1)


def of_antspyx(brain, template):
    with tempfile.TemporaryDirectory() as folder:
        for name, image in (("moving", brain), ("fixed", template.image)):
            image.to_filename(f"{folder}/{name}.nii.gz")
        fixed, moving = (ants.image_read(f"{folder}/{name}.nii.gz") for name in ("fixed", "moving"))
        moving = ants.resample_image(moving, (2.0,) * 3, use_voxels=False, interp_type=0)
        start = None
        for kind in ("Rigid", "Affine"):
            result = ants.registration(
                fixed=fixed,
                moving=moving,
                type_of_transform=kind,
                initial_transform=start,
                outprefix=f"{folder}/{kind}_",
                aff_iterations=(100, 100, 10),
                aff_shrink_factors=(4, 3, 2),
                aff_smoothing_sigmas=(2, 1, 1),
                aff_random_sampling_rate=0.25,
            )
            start = [result["fwdtransforms"][0]]
        found = ants.read_transform(start[0])
    linear, centre = np.reshape(found.parameters[:9], (3, 3)), np.array(found.fixed_parameters)[:3]
    return np.linalg.inv(LPS @ from_matvec(linear, found.parameters[9:] + centre - linear @ centre) @ LPS)


def estimates(brain, mask, template):
    start = time.process_time()
    result = register(brain, mask, template)
    middle = time.process_time()
    theirs = of_antspyx(brain, template)
    seconds = middle - start, time.process_time() - middle
    return {
        "affine": result.affine,
        "rigid": result.rigid,
        "antspyx affine": theirs,
        "antspyx rigid": rigid_part(theirs, centre_of(mask)),
    }, seconds


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
