"""Rigid and affine registration of a brain to a template."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.config import TEMPLATE
from neurofm_bids.errors import Exit, NeuroFMError

__all__ = ["Registration", "Template", "load_template", "register"]

_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_SPACING = 2.0
_MIN_DICE = 0.80
_KINDS = ("T1w", "mask")


@dataclass(frozen=True)
class Template:
    """A registration target: brain and brain mask, world RAS+ mm."""

    name: str
    image: nib.Nifti1Image
    mask: nib.Nifti1Image


@dataclass(frozen=True)
class Registration:
    """How a T1w lies to the template.

    Parameters
    ----------
    rigid, affine
        4x4 matrices that map T1w points to template points, world RAS+ mm; ``rigid`` is the rotation and
        translation within ``affine``.
    dice
        Overlap of the brain mask, moved by ``affine``, with the template's.
    correlation
        Of the intensities, moved by ``affine``, in the template's mask.
    rotation_degrees
        Angle of the rigid rotation.
    scale
        Cube root of the determinant of ``affine``: template size over brain size.
    """

    rigid: NDArray[np.float64]
    affine: NDArray[np.float64]
    dice: float
    correlation: float
    rotation_degrees: float
    scale: float


def load_template(name: str = TEMPLATE) -> Template:
    """Return a template: the bundled one at 2 mm, any other through TemplateFlow.

    Raises
    ------
    NeuroFMError
        The template is unknown, or not here and cannot be fetched.
    """
    if name == TEMPLATE:
        folder = Path(str(files("neurofm_bids") / "data"))
        stem = f"tpl-{name}_res-02_desc-brain"
        image, mask = (nib.Nifti1Image.from_filename(folder / f"{stem}_{kind}.nii.gz") for kind in _KINDS)
    else:
        image, mask = (nib.Nifti1Image.from_filename(_fetched(name, kind)) for kind in _KINDS)
        image = nib.Nifti1Image(
            np.asarray(image.dataobj, dtype=np.float32) * (np.asarray(mask.dataobj) > 0), image.affine
        )
    return Template(name, image, mask)


def _fetched(name: str, kind: str) -> Path:
    problem = NeuroFMError(
        f"the template has no {kind} here and could not be fetched",
        where=name,
        fix=f"Where there is network run: python -c \"import templateflow.api as t; t.get('{name}')\"; "
        "then set TEMPLATEFLOW_HOME to that folder.",
        code=Exit.TRY_AGAIN,
    )
    wanted: dict[str, Any] = {"suffix": kind, "desc": None if kind == "T1w" else "brain"}
    try:
        from templateflow import api

        found: Any = api.get(name, resolution=[1, 2], extension=".nii.gz", **wanted)
    except Exception as error:
        raise problem from error
    paths = found if isinstance(found, list) else [found]
    if not paths:
        raise problem
    return Path(sorted(str(path) for path in paths)[-1])


def register(brain: nib.Nifti1Image, mask: nib.Nifti1Image, template: Template, *, seed: int) -> Registration:
    """Register a brain to a template: an affine, and the rigid motion within it.

    The affine is estimated by antspyx (Mattes mutual information, 2 mm, from the centres of mass over a rigid
    stage) with one thread and a fixed seed, which makes it bit-identical over runs. ``rigid`` is the rotation
    of its polar decomposition about the brain's centre. Known turns of a head are taken back
    within 0.05 to 0.4 mm; a rigid transform optimised directly, which has several optima where brain and
    template differ in size, within 0.2 to 6 mm (benchmarks/registration.py).

    Parameters
    ----------
    brain
        T1w with zero background.
    mask
        Its brain mask.
    template
        Target.
    seed
        Seed of the metric's sampling.

    Raises
    ------
    NeuroFMError
        The result is implausible: little overlap, or an extreme scale.
    """
    affine = _affine(brain, template, seed)
    return _judged(brain, mask, template, _rigid_part(affine, mask), affine)


def _affine(brain: nib.Nifti1Image, template: Template, seed: int) -> NDArray[np.float64]:
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
    os.environ["ANTS_RANDOM_SEED"] = str(seed)
    import ants

    moving = ants.resample_image(_to_ants(brain), (_SPACING,) * 3, use_voxels=False, interp_type=0)
    fixed = _to_ants(template.image)
    with tempfile.TemporaryDirectory() as folder:
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
            start = [str(result["fwdtransforms"][0])]
        return _points_matrix(ants, str(result["fwdtransforms"][0]))


def _rigid_part(affine: NDArray[np.float64], mask: nib.Nifti1Image) -> NDArray[np.float64]:
    """Return the rotation nearest to the affine, placed so that both move the brain's centre alike."""
    left, _, right = np.linalg.svd(affine[:3, :3])
    rotation = left @ right
    centre = nib.affines.apply_affine(mask.affine, np.argwhere(np.asarray(mask.dataobj) > 0).mean(axis=0))
    shift = nib.affines.apply_affine(affine, centre) - rotation @ centre
    return np.asarray(nib.affines.from_matvec(rotation, shift))


def _to_ants(image: nib.Nifti1Image) -> Any:
    """Return the image in ITK's frame (LPS+ mm)."""
    import ants

    affine = _LPS @ image.affine
    spacing = nib.affines.voxel_sizes(affine)
    return ants.from_numpy(
        np.asarray(image.dataobj, dtype=np.float32),
        origin=[float(v) for v in affine[:3, 3]],
        spacing=[float(v) for v in spacing],
        direction=affine[:3, :3] / spacing,
    )


def _points_matrix(ants: Any, path: str) -> NDArray[np.float64]:
    """Return the matrix that maps T1w points to template points, RAS+, from ITK's resampling transform."""
    transform = ants.read_transform(path)
    parameters = np.array(transform.parameters, dtype=float)
    centre = np.array(transform.fixed_parameters, dtype=float)[:3]
    linear, shift = parameters[:9].reshape(3, 3), parameters[9:]
    template_to_t1w = nib.affines.from_matvec(linear, shift + centre - linear @ centre)
    return np.asarray(np.linalg.inv(_LPS @ template_to_t1w @ _LPS))


def _judged(
    brain: nib.Nifti1Image,
    mask: nib.Nifti1Image,
    template: Template,
    rigid: NDArray[np.float64],
    affine: NDArray[np.float64],
) -> Registration:
    target = np.asarray(template.mask.dataobj) > 0
    moved_mask = _moved(mask, template, affine, order=0) > 0
    moved = _moved(brain, template, affine, order=1)
    dice = 2 * float(np.count_nonzero(moved_mask & target)) / float(moved_mask.sum() + target.sum())
    values = np.asarray(template.image.dataobj, dtype=float)[target], moved[target]
    correlation = float(np.nan_to_num(np.corrcoef(*values)[0, 1]))
    angle = float(np.degrees(np.arccos(np.clip((np.trace(rigid[:3, :3]) - 1) / 2, -1, 1))))
    scale = float(np.cbrt(np.linalg.det(affine[:3, :3])))
    if dice < _MIN_DICE or not 0.7 < scale < 1.5:
        raise NeuroFMError(
            f"the registration to the template failed (overlap {dice:.2f}, scale {scale:.2f})",
            fix="Check that the header gives the head's true orientation.",
        )
    return Registration(rigid, affine, dice, correlation, angle, scale)


def _moved(
    image: nib.Nifti1Image, template: Template, t1w_to_template: NDArray[np.float64], *, order: int
) -> NDArray[np.float32]:
    from scipy.ndimage import affine_transform

    sampling = np.linalg.inv(image.affine) @ np.linalg.inv(t1w_to_template) @ template.image.affine
    matrix, offset = nib.affines.to_matvec(sampling)
    data = np.asarray(image.dataobj, dtype=np.float32)
    return np.asarray(affine_transform(data, matrix, offset, template.image.shape, order=order))
