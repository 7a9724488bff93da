"""Brain extraction with deepbet, and recognition of images that are already skull-stripped."""

from __future__ import annotations

import warnings
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.geometry import largest_component, mask_volume_mm3, reorientation, voxel_volume_mm3
from neurofm_bids.records.measurement import BrainExtraction

__all__ = ["extract_brain", "looks_stripped"]

_PLAUSIBLE_ML = (600.0, 2300.0)
_FIX = "Check the image: is it an upright T1w of a whole head?"


def extract_brain(t1w: nib.Nifti1Image, mode: str = "auto") -> tuple[nib.Nifti1Image, BrainExtraction]:
    """Return the brain mask of a T1w on its own grid.

    Parameters
    ----------
    t1w
        Checked image, see :func:`neurofm_bids.preprocess.load.load_t1w`.
    mode
        ``auto`` accepts a skull-stripped image as it is, ``force`` always runs deepbet, ``skip`` never does.

    Returns
    -------
    mask, measurements
        uint8 image, 1 in the brain.

    Raises
    ------
    NeuroFMError
        No plausible brain was found.
    """
    stripped = mode == "skip" or (mode == "auto" and looks_stripped(t1w))
    inside = _foreground(t1w) if stripped else _deepbet(t1w)
    mask = nib.Nifti1Image(inside.astype(np.uint8), t1w.affine)
    measured = BrainExtraction(
        method="none" if stripped else "deepbet",
        version="" if stripped else version("deepbet"),
        volume_mm3=mask_volume_mm3(mask),
        border_fraction=_border_fraction(inside),
    )
    _check(measured)
    return mask, measured


def _check(measured: BrainExtraction) -> None:
    low, high = _PLAUSIBLE_ML
    millilitres = measured.volume_mm3 / 1000
    if not low <= millilitres <= high:
        raise NeuroFMError(
            f"brain mask volume of {millilitres:.0f} ml is outside the plausible range "
            f"of {low:.0f} to {high:.0f} ml",
            fix=_FIX,
        )
    if measured.border_fraction > 0.25:
        raise NeuroFMError("the brain is cut off at the border of the image", fix=_FIX)


def looks_stripped(t1w: nib.Nifti1Image) -> bool:
    """Tell whether a T1w has been skull-stripped.

    Most of the image has exactly one background value, and the rest is nearly one piece of the size of a
    brain. Heads, including defaced ones, have noise in the air or far more tissue.
    """
    data = np.asarray(t1w.dataobj)
    background = _background(data)
    outside = np.count_nonzero(data == background) / data.size
    if outside < 0.5:
        return False
    volume = mask_volume_mm3(nib.Nifti1Image(_foreground(t1w).astype(np.uint8), t1w.affine)) / 1000
    low, high = _PLAUSIBLE_ML
    rest = (1 - outside) * data.size * voxel_volume_mm3(t1w.affine) / 1000 - volume
    return bool(low <= volume <= high and rest < 0.1 * volume)


def _background(data: NDArray[Any]) -> float:
    faces = [np.take(data, index, axis).ravel() for axis in range(3) for index in (0, -1)]
    values, counts = np.unique(np.concatenate(faces), return_counts=True)
    return float(values[counts.argmax()])


def _foreground(t1w: nib.Nifti1Image) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_fill_holes

    data = np.asarray(t1w.dataobj)
    inside = largest_component(data != _background(data))
    if not inside.any():
        raise NeuroFMError("no brain was found", fix=_FIX)
    return np.asarray(binary_fill_holes(inside), dtype=bool)


def _border_fraction(inside: NDArray[np.bool_]) -> float:
    """Return the largest share of the brain's cross-section that lies on a face of the image."""
    shares = [
        np.count_nonzero(np.take(inside, index, axis)) / max(1, int(inside.any(axis=axis).sum()))
        for axis in range(3)
        for index in (0, -1)
    ]
    return float(max(shares))


@lru_cache(maxsize=1)
def _network() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deepbet ships a TorchScript file: torch.jit.load is deprecated
        from deepbet import bet

        return bet.BrainExtraction(no_gpu=True)


def _deepbet(t1w: nib.Nifti1Image) -> NDArray[np.bool_]:
    canonical = nib.as_closest_canonical(t1w)
    data = np.asarray(canonical.dataobj, dtype=np.float32)
    network = _network()
    try:
        probability = network.run_model(data.copy())
        inside = network.postprocess(probability > 0.5) > 0
    except (AssertionError, ValueError, RuntimeError, IndexError) as error:
        raise NeuroFMError("no brain was found", fix=_FIX) from error
    back = reorientation(canonical.affine, t1w.affine)
    return np.asarray(nib.orientations.apply_orientation(inside, back), dtype=bool)
