"""Brain extraction with deepbet, and recognition of images that are already skull-stripped."""

from __future__ import annotations

import warnings
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Literal

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.geometry import largest_component, mask_volume_mm3, reorientation, voxel_volume_mm3
from neurofm_bids.records.measurement import BrainExtraction

__all__ = ["extract_brain", "looks_stripped", "measure_mask"]

_PLAUSIBLE_ML = (600.0, 2300.0)
_SMALL, _LARGE = (128,) * 3, (256,) * 3  # what deepbet's networks read: the head; the box of the brain
_BOX_MARGIN = 0.1
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
    if stripped:
        return mask, measure_mask(mask, "none", "")
    return mask, measure_mask(mask, "deepbet", version("deepbet"))


def measure_mask(
    mask: nib.Nifti1Image, method: Literal["deepbet", "none", "derivatives"], made_by: str, fix: str = _FIX
) -> BrainExtraction:
    """Return what is measured of a brain mask.

    Parameters
    ----------
    method, made_by
        How the mask was made, and the version of that.
    fix
        What to do if it is not plausible.

    Raises
    ------
    NeuroFMError
        It is not a plausible brain.
    """
    measured = BrainExtraction(
        method=method,
        version=made_by,
        volume_mm3=mask_volume_mm3(mask),
        border_fraction=_border_fraction(np.asarray(mask.dataobj) > 0),
    )
    _check(measured, fix)
    return measured


def _check(measured: BrainExtraction, fix: str) -> None:
    low, high = _PLAUSIBLE_ML
    millilitres = measured.volume_mm3 / 1000
    if not low <= millilitres <= high:
        raise NeuroFMError(
            f"brain mask volume of {millilitres:.0f} ml is outside the plausible range "
            f"of {low:.0f} to {high:.0f} ml",
            fix=fix,
        )
    if measured.border_fraction > 0.25:
        raise NeuroFMError("the brain is cut off at the border of the image", fix=fix)


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


def _faces(data: NDArray[Any]) -> list[NDArray[Any]]:
    """Return views of the six faces of an array, two for each axis."""
    return [np.moveaxis(data, axis, 0)[index] for axis in range(3) for index in (0, -1)]


def _background(data: NDArray[Any]) -> float:
    values, counts = np.unique(np.concatenate([face.ravel() for face in _faces(data)]), return_counts=True)
    return float(values[counts.argmax()])


def _foreground(t1w: nib.Nifti1Image) -> NDArray[np.bool_]:
    from fill_voids import fill

    data = np.asarray(t1w.dataobj)
    inside = largest_component(data != _background(data))
    if not inside.any():
        raise NeuroFMError("no brain was found", fix=_FIX)
    return np.asarray(fill(inside), dtype=bool)


def _border_fraction(inside: NDArray[np.bool_]) -> float:
    """Return the largest share of the brain's cross-section that lies on a face of the image."""
    cut = np.array([np.count_nonzero(face) for face in _faces(inside)]).reshape(3, 2).max(axis=1)
    sections = [max(1, np.count_nonzero(inside.any(axis=axis))) for axis in range(3)]
    return float((cut / sections).max())


@lru_cache(maxsize=1)
def _network() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deepbet ships a TorchScript file: torch.jit.load is deprecated
        from deepbet import bet

        return bet.BrainExtraction(no_gpu=True)


def _deepbet(t1w: nib.Nifti1Image) -> NDArray[np.bool_]:
    canonical = nib.as_closest_canonical(t1w)
    try:
        inside = _segmented(np.asarray(canonical.dataobj, dtype=np.float32))
    except (AssertionError, ValueError, RuntimeError, IndexError) as error:
        raise NeuroFMError("no brain was found", fix=_FIX) from error
    back = reorientation(canonical.affine, t1w.affine)
    return np.asarray(nib.orientations.apply_orientation(inside, back), dtype=bool)


def _segmented(head: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the brain in a head in RAS+ order.

    The mask is that of ``run_model`` and ``postprocess`` of deepbet, which keep four more copies of the image
    in memory.
    """
    import torch
    from deepbet.utils import keep_largest_connected_component, normalize
    from fill_voids import fill

    network = _network()
    small = torch.from_numpy(_resized(head, _SMALL))
    low, high = small.quantile(0.005), small.quantile(0.995)

    def predicted(model: Any, volume: torch.Tensor) -> NDArray[np.bool_]:
        volume = normalize(volume, low, high)  # the unscaled one is released before the network runs
        with torch.inference_mode():
            return np.asarray(model(volume[None, None])[0, 1] > 0.5)

    coarse = keep_largest_connected_component(predicted(network.bbox_model, small))
    crop = network.get_bbox_with_margin(torch.from_numpy(coarse).float(), head.shape, _BOX_MARGIN)
    fine = predicted(network.model, torch.from_numpy(_resized(head[crop], _LARGE)))
    inside = np.zeros(head.shape, dtype=bool)
    inside[crop] = fill(keep_largest_connected_component(_resized(fine, inside[crop].shape)))
    return inside


def _resized(data: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return an array resampled as ``nearest-exact`` of PyTorch does, in single precision like there."""
    places = (
        (np.arange(new, dtype=np.float32) + np.float32(0.5)) * np.float32(old / new)
        for old, new in zip(data.shape, shape, strict=True)
    )
    resized: NDArray[Any] = data[np.ix_(*(place.astype(int) for place in places))]
    return resized
