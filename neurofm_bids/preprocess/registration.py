"""Rigid and affine registration of a brain to a template."""

from __future__ import annotations

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
    as_matrix,
    centre_of,
    resample_onto,
    rigid_part,
    rotation_degrees,
)
from neurofm_bids.preprocess.alignment import align
from neurofm_bids.records.measurement import Registration
from neurofm_bids.resources import torch_threads

__all__ = ["Template", "load_template", "register"]

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


def register(brain: nib.Nifti1Image, mask: nib.Nifti1Image, template: Template) -> Registration:
    """Register a brain to a template: an affine, and the rigid motion within it.

    The affine is that of :func:`neurofm_bids.preprocess.alignment.align`; ``rigid`` is the rotation of its
    polar decomposition about the centre of the brain. Runs are bit-identical.

    Parameters
    ----------
    brain
        T1w with zero background.
    mask
        Its brain mask.
    template
        Target.

    Raises
    ------
    NeuroFMError
        The result is implausible: low overlap, or an extreme scale.
    """
    try:
        with torch_threads(1):  # threads cost more than they save, and the last bits depend on their number
            affine = align(brain, mask, template.image, template.mask)
        rigid = rigid_part(affine, centre_of(mask))
    except np.linalg.LinAlgError as error:
        raise _failed("the intensities determine no transform") from error
    return _checked(brain, mask, template, rigid, affine)


def _failed(why: str) -> NeuroFMError:
    return NeuroFMError(
        f"the registration to the template failed ({why})",
        fix="Check the brain mask, and that the header gives the correct orientation.",
    )


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
        raise _failed(f"overlap {dice:.2f}, scale {scale:.2f}")
    return Registration(
        as_matrix(rigid), as_matrix(affine), dice, correlation, rotation_degrees(rigid), scale
    )
