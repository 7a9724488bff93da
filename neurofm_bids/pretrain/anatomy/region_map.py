"""Region maps: the labels of FreeSurfer as numbers of regions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES
from neurofm_bids.pretrain.anatomy.distances import nearest_label

__all__ = ["CORTEX", "LATERAL", "VENTRICLES", "mirrored", "region_map", "region_numbers"]

_CEREBRAL_CORTEX = {3: "left", 42: "right"}
# Codes that FreeSurfer or the maps of SynthSeg have beside those of the regions.
_OTHER_CODES = {
    "left_white_matter": (25, 30),
    "right_white_matter": (57, 62),
    "left_lateral_ventricle": (136,),
    "right_lateral_ventricle": (163,),
    "left_inferior_lateral_ventricle": (137,),
    "right_inferior_lateral_ventricle": (164,),
}
_HYPOINTENSE_WHITE_MATTER = 77
_NEAREST = (80, 85)  # other hypointensities and optic chiasm: the region of tissue that is nearest
_CHOROID = {31: "left", 63: "right"}


def region_numbers(kind: str) -> tuple[int, ...]:
    """Return the numbers, from 1, of the regions of a kind or of one structure.

    Examples
    --------
    >>> region_numbers("brainstem")
    (35,)
    """
    return tuple(
        number
        for number, region in enumerate(REGIONS, 1)
        if kind in (STRUCTURES[region.structure].kind, STRUCTURES[region.structure].name)
    )


CORTEX, VENTRICLES = region_numbers("cortex"), region_numbers("ventricle")
LATERAL = region_numbers("lateral_ventricle") + region_numbers("inferior_lateral_ventricle")


def mirrored() -> NDArray[np.int64]:
    """Return for each region the index of the region on the other side."""
    names = [region.name for region in REGIONS]
    swap = {"left": "right_", "right": "left_", "": ""}
    others = [swap[r.side] + STRUCTURES[r.structure].name for r in REGIONS]
    return np.array([names.index(name) for name in others])


def region_map(labels: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Return the number of the region, from 1, of each voxel of the brain, and 0 elsewhere.

    Voxels of the cortex without a parcel (codes 3 and 42) take the nearest lobe of their side, and choroid
    plexus the nearest part of the lateral ventricle. Hypointensities of white matter are white matter, even
    where they touch a ventricle, as in the volumes of FreeSurfer.

    Parameters
    ----------
    labels
        Codes of FreeSurfer, with parcels of the cortex on at least one voxel of each side, (d, h, w).
    """
    codes = np.zeros(3000, dtype=np.uint8)
    for number, region in enumerate(REGIONS, 1):
        structure = STRUCTURES[region.structure]
        codes[list(structure.right if region.side == "right" else structure.left)] = number
        codes[list(_OTHER_CODES.get(region.name, ()))] = number
    codes[list(_CHOROID)] = 0
    inside = (labels > 0) & (labels < codes.size)
    regions = np.where(inside, codes[np.where(inside, labels, 0)], 0).astype(np.uint8)
    for code, side in _CEREBRAL_CORTEX.items():
        _fill(regions, labels == code, [n for n in CORTEX if REGIONS[n - 1].side == side])
    for code, side in _CHOROID.items():
        lateral = [n for n in VENTRICLES if REGIONS[n - 1].side == side]
        _fill(regions, labels == code, lateral)
    _fill(regions, labels == _HYPOINTENSE_WHITE_MATTER, region_numbers("white_matter"))
    tissue = [number for number in range(1, len(REGIONS) + 1) if number not in VENTRICLES]
    _fill(regions, np.isin(labels, _NEAREST), tissue)
    return regions


def _fill(regions: NDArray[np.uint8], voxels: NDArray[np.bool_], numbers: object) -> None:
    """Give voxels the number of the nearest voxel of some regions."""
    if voxels.any():
        wanted = np.isin(regions, list(numbers))  # type: ignore[call-overload]
        regions[voxels] = nearest_label(regions, wanted)[voxels]
