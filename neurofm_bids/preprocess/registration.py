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
from neurofm_bids.geometry import (
    LPS,
    as_matrix,
    centre_of,
    from_itk,
    resample_onto,
    rigid_part,
    rotation_degrees,
)
from neurofm_bids.records.measurement import Registration
from neurofm_bids.storage.plain import plain_name

__all__ = ["Template", "load_template", "read_itk", "register", "to_ants"]

_SPACING = 2.0
_MIN_DICE = 0.80
_KINDS = ("T1w", "mask")


@dataclass(frozen=True)
class Template:
    """A registration target: brain and brain mask, world RAS+ mm."""

    name: str
    image: nib.Nifti1Image
    mask: nib.Nifti1Image


def load_template(name: str = TEMPLATE) -> Template:
    """Return a template: the bundled one at 2 mm, any other through TemplateFlow.

    Raises
    ------
    NeuroFMError
        The template is unknown, or neither stored locally nor downloadable.
    """
    if name == TEMPLATE:
        folder = Path(str(files("neurofm_bids") / "data"))
        stem = f"tpl-{name}_res-02_desc-brain"
        image, mask = (nib.Nifti1Image.from_filename(folder / f"{stem}_{kind}.nii.gz") for kind in _KINDS)
    else:
        image, mask = (nib.Nifti1Image.from_filename(_from_templateflow(name, kind)) for kind in _KINDS)
        image = nib.Nifti1Image(
            np.asarray(image.dataobj, dtype=np.float32) * (np.asarray(mask.dataobj) > 0), image.affine
        )
    return Template(name, image, mask)


def _from_templateflow(name: str, kind: str) -> Path:
    query: dict[str, Any] = {"suffix": kind, "desc": None if kind == "T1w" else "brain"}
    try:
        from templateflow import api

        result: Any = api.get(name, resolution=[1, 2], extension=".nii.gz", **query)
    except Exception as error:
        raise _no_template(name, kind, f"{type(error).__name__}: {' '.join(str(error).split())}") from error
    paths = result if isinstance(result, list) else [result]
    if not paths:
        raise _no_template(name, kind, "TemplateFlow has none")
    return Path(sorted(str(path) for path in paths)[-1])


def _no_template(name: str, kind: str, why: str) -> NeuroFMError:
    command = f"import templateflow.api as t; t.get('{name}')"
    return NeuroFMError(
        f"template {kind} not found locally and could not be downloaded ({why})",
        where=name,
        fix=f'On a computer with network access run: python -c "{command}"; '
        "then set TEMPLATEFLOW_HOME to that folder.",
        code=Exit.TRY_AGAIN,
    )


def register(brain: nib.Nifti1Image, mask: nib.Nifti1Image, template: Template, *, seed: int) -> Registration:
    """Register a brain to a template: an affine, and the rigid motion within it.

    antspyx estimates the affine (Mattes mutual information, 2 mm; centres of mass, then rigid, then affine)
    with one thread and a fixed seed, so that runs are bit-identical. ``rigid`` is the rotation of its polar
    decomposition about the centre of the brain. Known rotations of a head are recovered within 0.05 to
    0.4 mm; a rigid transform optimised directly, which has several optima where brain and template differ in
    size, recovers them within 0.2 to 6 mm (benchmarks/registration.py).

    Parameters
    ----------
    brain
        T1w with zero background.
    mask
        Its brain mask.
    template
        Target.
    seed
        Seed of the random sampling of the metric.

    Raises
    ------
    NeuroFMError
        The result is implausible: low overlap, or an extreme scale.
    """
    affine = _affine(brain, template, seed)
    return _checked(brain, mask, template, rigid_part(affine, centre_of(mask)), affine)


def _affine(brain: nib.Nifti1Image, template: Template, seed: int) -> NDArray[np.float64]:
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
    os.environ["ANTS_RANDOM_SEED"] = str(seed)
    import ants

    moving = ants.resample_image(to_ants(brain), (_SPACING,) * 3, use_voxels=False, interp_type=0)
    fixed = to_ants(template.image)
    with tempfile.TemporaryDirectory() as folder, plain_name(Path(folder)) as plain:
        start = None
        for kind in ("Rigid", "Affine"):
            result = ants.registration(
                fixed=fixed,
                moving=moving,
                type_of_transform=kind,
                initial_transform=start,
                outprefix=f"{plain}/{kind}_",
                aff_iterations=(100, 100, 10),
                aff_shrink_factors=(4, 3, 2),
                aff_smoothing_sigmas=(2, 1, 1),
                aff_random_sampling_rate=0.25,
            )
            start = [str(result["fwdtransforms"][0])]
        return read_itk(str(result["fwdtransforms"][0]))


def to_ants(image: nib.Nifti1Image) -> Any:
    """Return an image as an ANTsImage, in the frame of ITK (LPS+ mm)."""
    import ants

    affine = LPS @ image.affine
    spacing = nib.affines.voxel_sizes(affine)
    return ants.from_numpy(
        np.asarray(image.dataobj, dtype=np.float32),
        origin=[float(v) for v in affine[:3, 3]],
        spacing=[float(v) for v in spacing],
        direction=affine[:3, :3] / spacing,
    )


def read_itk(path: str) -> NDArray[np.float64]:
    """Return the matrix that maps T1w points to template points, RAS+ mm, from a file that ANTs wrote."""
    import ants

    transform = ants.read_transform(path)
    centre = np.array(transform.fixed_parameters, dtype=float)[:3]
    return from_itk(np.array(transform.parameters, dtype=float), centre)


def _checked(
    brain: nib.Nifti1Image,
    mask: nib.Nifti1Image,
    template: Template,
    rigid: NDArray[np.float64],
    affine: NDArray[np.float64],
) -> Registration:
    target = np.asarray(template.mask.dataobj) > 0
    moved_mask = np.asarray(resample_onto(mask, template.image, affine, order=0).dataobj) > 0
    moved = np.asarray(resample_onto(brain, template.image, affine, order=1).dataobj)
    dice = 2 * float(np.count_nonzero(moved_mask & target)) / float(moved_mask.sum() + target.sum())
    values = np.asarray(template.image.dataobj, dtype=float)[target], moved[target]
    correlation = float(np.nan_to_num(np.corrcoef(*values)[0, 1]))
    scale = float(np.cbrt(np.linalg.det(affine[:3, :3])))
    if dice < _MIN_DICE or not 0.7 < scale < 1.5:
        raise NeuroFMError(
            f"the registration to the template failed (overlap {dice:.2f}, scale {scale:.2f})",
            fix="Check the brain mask, and that the header gives the correct orientation.",
        )
    return Registration(
        as_matrix(rigid), as_matrix(affine), dice, correlation, rotation_degrees(rigid), scale
    )
