"""What each preprocessing step measured on one scan."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic.dataclasses import dataclass

from neurofm_bids.records.schema import RECORD

__all__ = [
    "BiasCorrection",
    "BrainExtraction",
    "Matrix",
    "Measurements",
    "ModelGrid",
    "Registration",
    "Standardisation",
]

_Row: TypeAlias = tuple[float, float, float, float]
Matrix: TypeAlias = tuple[_Row, _Row, _Row, _Row]


@dataclass(frozen=True, config=RECORD)
class BrainExtraction:
    """How the brain mask was made.

    Parameters
    ----------
    method
        ``deepbet``, ``none`` where the image was skull-stripped already, or ``derivatives`` where the mask is
        that of another program.
    version
        Version of the method, name and version of the other program; empty where there is none.
    volume_mm3
        Volume of the mask; that of deepbet is an intracranial contour, all CSF included.
    border_fraction
        Largest share of the brain's cross-section that lies on a face of the image.
    """

    method: Literal["deepbet", "none", "derivatives"]
    version: str
    volume_mm3: float
    border_fraction: float


@dataclass(frozen=True, config=RECORD)
class BiasCorrection:
    """The bias field that was removed: method, and its standard deviation over its mean in the brain.

    ``derivatives`` is that of another program, as far as its image differs from the T1w.
    """

    method: Literal["n4", "none", "derivatives"]
    field_variation: float


@dataclass(frozen=True, config=RECORD)
class Registration:
    """How a T1w lies relative to the template.

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

    rigid: Matrix
    affine: Matrix
    dice: float
    correlation: float
    rotation_degrees: float
    scale: float


@dataclass(frozen=True, config=RECORD)
class ModelGrid:
    """How a brain was brought to the model grid.

    Parameters
    ----------
    space
        ``native`` or ``rigid``.
    interpolation
        ``none`` (voxels copied) or ``cubic``.
    obliquity_degrees
        Largest angle between a voxel axis and its world axis.
    affine
        Model-grid voxels to world mm (of the scan, or of the template in rigid space).
    """

    space: Literal["native", "rigid"]
    interpolation: Literal["none", "cubic"]
    voxel_size_mm: tuple[float, float, float]
    obliquity_degrees: float
    affine: Matrix


@dataclass(frozen=True, config=RECORD)
class Standardisation:
    """Mean and standard deviation of the z-score, over the whole model grid."""

    mean: float
    sd: float


@dataclass(frozen=True, config=RECORD)
class Measurements:
    """What all steps measured."""

    brain_extraction: BrainExtraction
    bias_correction: BiasCorrection
    registration: Registration
    model_grid: ModelGrid
    standardisation: Standardisation
