"""Brain extraction with deepbet, and recognition of images that are stripped already."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.preprocess.model_grid import mask_volume_mm3

__all__ = ["BrainMeasures", "extract_brain", "looks_stripped"]

_PLAUSIBLE_ML = (600.0, 2300.0)
_FIX = "Look at the image: is it an upright T1w of a whole head?"


@dataclass(frozen=True)
class BrainMeasures:
    """How the brain was found.

    Parameters
    ----------
    method
        ``deepbet <version>`` or ``already stripped``.
    volume_mm3
        Volume of the mask: an intracranial-like contour, all CSF kept.
    border_fraction
        Share of the mask's surface planes that touch the border of the image.
    """

    method: str
    volume_mm3: float
    border_fraction: float


def extract_brain(t1w: nib.Nifti1Image, mode: str = "auto") -> tuple[nib.Nifti1Image, BrainMeasures]:
    """Return the brain mask of a T1w on its own grid.

    Parameters
    ----------
    t1w
        Checked image, see :func:`neurofm_bids.preprocess.model_grid.load_t1w`.
    mode
        ``auto`` takes a stripped image as it is, ``force`` always runs deepbet, ``skip`` never.

    Returns
    -------
    mask, measures
        uint8 image, 1 in the brain.

    Raises
    ------
    NeuroFMError
        No plausible brain was found.
    """
    stripped = mode == "skip" or (mode == "auto" and looks_stripped(t1w))
    inside = _foreground(t1w) if stripped else _deepbet(t1w)
    mask = nib.Nifti1Image(inside.astype(np.uint8), t1w.affine)
    method = "already stripped" if stripped else f"deepbet {version('deepbet')}"
    measures = BrainMeasures(method, mask_volume_mm3(mask), _border_fraction(inside))
    _check(measures)
    return mask, measures


def _check(measures: BrainMeasures) -> None:
    low, high = _PLAUSIBLE_ML
    millilitres = measures.volume_mm3 / 1000
    if not low <= millilitres <= high:
        raise NeuroFMError(
            f"the brain found has {millilitres:.0f} ml, outside {low:.0f} to {high:.0f} ml", fix=_FIX
        )
    if measures.border_fraction > 0.25:
        raise NeuroFMError("the brain is cut by the border of the image", fix=_FIX)


def looks_stripped(t1w: nib.Nifti1Image) -> bool:
    """Tell whether everything but the brain has been removed from a T1w.

    The background has one exact value in most of the image, and what is left has the size of a brain in
    nearly one piece. Heads, defaced ones too, have air noise or far more tissue.
    """
    data = np.asarray(t1w.dataobj)
    background = _background(data)
    outside = np.count_nonzero(data == background) / data.size
    if outside < 0.5:
        return False
    volume = mask_volume_mm3(nib.Nifti1Image(_foreground(t1w).astype(np.uint8), t1w.affine)) / 1000
    low, high = _PLAUSIBLE_ML
    rest = (1 - outside) * data.size * abs(float(np.linalg.det(t1w.affine[:3, :3]))) / 1000 - volume
    return bool(low <= volume <= high and rest < 0.1 * volume)


def _background(data: NDArray[Any]) -> float:
    faces = [np.take(data, index, axis).ravel() for axis in range(3) for index in (0, -1)]
    values, counts = np.unique(np.concatenate(faces), return_counts=True)
    return float(values[counts.argmax()])


def _foreground(t1w: nib.Nifti1Image) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_fill_holes

    data = np.asarray(t1w.dataobj)
    return np.asarray(binary_fill_holes(_largest(data != _background(data))), dtype=bool)


def _largest(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.ndimage import label

    labels, count = label(inside)
    if count == 0:
        raise NeuroFMError("no brain was found", fix=_FIX)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax(), dtype=bool)


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
        warnings.simplefilter("ignore")  # torch.jit.load is deprecated but what deepbet ships
        from deepbet.bet import BrainExtraction

        return BrainExtraction(no_gpu=True)


def _deepbet(t1w: nib.Nifti1Image) -> NDArray[np.bool_]:
    canonical = nib.as_closest_canonical(t1w)
    data = np.asarray(canonical.dataobj, dtype=np.float32)
    network = _network()
    try:
        probability = network.run_model(data.copy())
        inside = network.postprocess(probability > 0.5) > 0
    except (AssertionError, ValueError, RuntimeError, IndexError) as error:
        raise NeuroFMError("no brain was found", fix=_FIX) from error
    back = nib.orientations.ornt_transform(
        nib.io_orientation(canonical.affine), nib.io_orientation(t1w.affine)
    )
    native = nib.orientations.apply_orientation(inside, back)
    return np.asarray(native, dtype=bool)
