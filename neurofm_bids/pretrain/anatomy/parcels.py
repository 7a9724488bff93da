"""Parcels: lobes of the cortex and the corpus callosum, carried from one label map to another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.anatomy.regions import STRUCTURES
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pretrain.anatomy.distances import nearest_label
from neurofm_bids.pretrain.anatomy.label_map import CODES

__all__ = ["carry_parcels", "has_parcels"]

_CALLOSUM = STRUCTURES[[s.name for s in STRUCTURES].index("corpus_callosum")].left
_WHITE = {2: "left", 41: "right"}
_GREY = {3: "left", 42: "right"}
# Intensities that make label maps look alike: registration compares these images.
_INTENSITY = {"outside": 0.0, "lateral ventricles": 0.2, "other ventricles": 0.2, "cerebral cortex": 0.55}
_OTHER_TISSUE, _DEEP_GREY = 1.0, 0.7


def has_parcels(labels: NDArray[np.int16]) -> bool:
    """Return whether a map has parcels of the cortex."""
    return bool(((labels >= 1000) & (labels < 3000)).any())


def carry_parcels(labels: NDArray[np.int16], atlas: NDArray[np.int16], seed: int = 1) -> NDArray[np.int16]:
    """Return labels with the parcels of another map, and with its corpus callosum if there is none.

    The other map is registered (SyN, mean squares of painted tissues, 2 mm). Cortex takes the nearest parcel
    of its side; white matter that falls on the corpus callosum becomes corpus callosum.

    Parameters
    ----------
    labels
        Codes of FreeSurfer without parcels, 1 mm, LIA.
    atlas
        Codes of FreeSurfer with parcels, 1 mm, LIA, of any shape.

    Raises
    ------
    NeuroFMError
        antspyx is not installed.
    """
    carried = _registered(labels, atlas, seed)
    result = labels.copy()
    parcels = (carried >= 1000) & (carried < 3000)
    for code, side in _GREY.items():
        own = parcels & (carried < 2000 if side == "left" else carried >= 2000)
        result[labels == code] = nearest_label(carried, own)[labels == code]
    if not np.isin(labels, _CALLOSUM).any():
        white = np.isin(labels, list(_WHITE)) & np.isin(carried, _CALLOSUM)
        result[white] = carried[white]
    return result


def _registered(labels: NDArray[np.int16], atlas: NDArray[np.int16], seed: int) -> NDArray[np.int16]:
    """Return the labels of the atlas on the grid of the other map, by the nearest voxel."""
    try:
        import ants
    except ImportError as error:
        raise NeuroFMError(
            "antspyx is needed to carry the parcels of one label map to others",
            fix="Install it: pip install 'neurofm-bids[pretrain]'.",
            code=Exit.NO_INPUT,
        ) from error

    fixed, moving = (ants.from_numpy(_painted(each)) for each in (labels, atlas))
    coarse = [ants.resample_image(image, (2, 2, 2), interp_type=0) for image in (fixed, moving)]
    found: dict[str, Any] = ants.registration(
        *coarse, type_of_transform="SyN", syn_metric="meansquares", syn_sampling=0, random_seed=seed,
        reg_iterations=(60, 40, 20),
    )  # fmt: skip
    codes = ants.from_numpy(atlas.astype(np.float32))
    moved = ants.apply_transforms(fixed, codes, found["fwdtransforms"], interpolator="nearestNeighbor")
    return np.asarray(moved.numpy()).astype(np.int16)


def _painted(labels: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return an image of tissues, with a smooth border."""
    image = np.full(labels.shape, _OTHER_TISSUE, dtype=np.float32)
    for structure in STRUCTURES:
        if structure.kind == "deep grey matter":
            image[np.isin(labels, (*structure.left, *structure.right))] = _DEEP_GREY
    for name, value in _INTENSITY.items():
        image[np.isin(labels, CODES[name])] = value
    return image
