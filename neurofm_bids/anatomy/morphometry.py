"""From a segmentation to volumes with intervals: regions, and sums of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES
from neurofm_bids.records.anatomy import Anatomy, Volume

if TYPE_CHECKING:
    from neurofm_bids.anatomy.segmentation import Segmentation
    from neurofm_bids.anatomy.weights import AnatomyModel

__all__ = ["MEASURED", "conformal_factor", "measure", "summed"]

_CSF = len(REGIONS)  # its index after the regions
_LEAST = 1e-3  # of 1 - confidence: no interval is narrower than that of this


def _regions(*kinds: str, names: tuple[str, ...] = (), side: str | None = None) -> tuple[int, ...]:
    """Return the indices of regions of some kinds, or of structures by name, of one side or all."""
    return tuple(
        index
        for index, region in enumerate(REGIONS)
        if (STRUCTURES[region.structure].kind in kinds or STRUCTURES[region.structure].name in names)
        and side in (None, region.side)
    )


_CEREBELLUM = ("cerebellar_cortex", "cerebellar_white_matter")
_SUMS = {
    "left_cerebral_cortex": _regions("cortex", side="left"),
    "right_cerebral_cortex": _regions("cortex", side="right"),
    "left_cerebellum": _regions(names=_CEREBELLUM, side="left"),
    "right_cerebellum": _regions(names=_CEREBELLUM, side="right"),
    "cerebral_cortex": _regions("cortex"),
    "cerebral_white_matter": _regions("white matter"),
    "deep_grey_matter": _regions("deep grey matter"),
    "cerebellum": _regions(names=_CEREBELLUM),
    "lateral_ventricles": _regions(names=("lateral_ventricle", "inferior_lateral_ventricle")),
    "ventricles": _regions("ventricle"),
    "brain": _regions("cortex", "white matter", "deep grey matter", "hindbrain"),
    "csf": (_CSF,),
    "intracranial": (*range(len(REGIONS)), _CSF),
}

# Indices of the regions, and of CSF outside the ventricles, that make up each volume.
MEASURED: Mapping[str, tuple[int, ...]] = {
    **{region.name: (index,) for index, region in enumerate(REGIONS)},
    **_SUMS,
}


def measure(segmentation: Segmentation, model: AnatomyModel) -> Anatomy:
    """Return the volumes of a segmentation, with intervals where the model has a calibration.

    The interval of a volume is ``volume * exp(+-k * (1 - confidence))``; ``k`` was chosen for each volume so
    that 95% of the brains of the calibration lie within (split conformal prediction, Lei et al. 2018).
    """
    volumes, confidence = segmentation.volumes_mm3, segmentation.confidence
    measured = {}
    for name, members in MEASURED.items():
        total, certain = summed(volumes, confidence, members)
        measured[name] = Volume(total, _interval(total, certain, model.calibration.get(name)), certain)
    return Anatomy(measured, len(segmentation.by_phase_mm3), model.sha256)


def summed(
    volumes: NDArray[np.float64], confidence: NDArray[np.float64], members: Sequence[int]
) -> tuple[float, float]:
    """Return the volume of some regions, and their mean confidence, each weighted with its volume."""
    parts = volumes[list(members)]
    total = float(parts.sum())
    return total, float((parts * confidence[list(members)]).sum() / total) if total else 0.0


def _interval(volume: float, confidence: float, factor: float | None) -> tuple[float, float] | None:
    if factor is None:
        return None
    width = factor * max(1 - confidence, _LEAST)
    return volume * math.exp(-width), volume * math.exp(width)


def conformal_factor(
    true: NDArray[np.float64],
    found: NDArray[np.float64],
    confidence: NDArray[np.float64],
    share: float = 0.95,
) -> float | None:
    """Return the ``k`` of :func:`measure` for one volume; None if too few brains have it.

    Parameters
    ----------
    true, found, confidence
        Of each brain of the calibration, (n,); brains without the region are left out.
    share
        Of further brains that the interval is to hold.
    """
    there = (true > 0) & (found > 0)
    errors = np.abs(np.log(found[there] / true[there])) / np.maximum(1 - confidence[there], _LEAST)
    rank = math.ceil((len(errors) + 1) * share)
    return float(np.sort(errors)[rank - 1]) if rank <= len(errors) else None
