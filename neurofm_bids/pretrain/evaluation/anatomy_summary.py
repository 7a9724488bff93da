"""Summary: the scores of all segmented scans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.pretrain.evaluation.metrics import agreement, repeatability
from neurofm_bids.pretrain.evaluation.protocols import COMPARED

__all__ = ["MEASURED", "MeasuredStructure", "SegmentedScan", "summarise_anatomy"]

MEASURED = (*COMPARED, "brain")


@dataclass(frozen=True)
class MeasuredStructure:
    """A structure in one scan, both sides together.

    Parameters
    ----------
    known_ml
        Volume of its labels; NaN without a label image.
    volume_ml, voxels_ml
        Volumes of the segmentation: sum of posteriors, and count of voxels.
    spread_ml
        Standard deviation of the volume over lattice phases; NaN for one phase.
    confidence
        As in :class:`~neurofm_bids.anatomy.segmentation.Segmentation`, 0 to 1.
    dice
        Overlap with its labels on the model grid; NaN for the brain and without a label image.
    """

    known_ml: float
    volume_ml: float
    voxels_ml: float
    spread_ml: float
    confidence: float
    dice: float


@dataclass(frozen=True)
class SegmentedScan:
    """The structures of one scan.

    Parameters
    ----------
    name, participant, session
        File name without ``_T1w``, and labels without prefix; the session may be empty.
    structures
        By name in :data:`MEASURED`.
    repeats
        Volumes in ml by structure, by what was changed; empty without ``stability``.
    """

    name: str
    participant: str
    session: str
    structures: Mapping[str, MeasuredStructure]
    repeats: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def volumes_ml(self) -> dict[str, float]:
        """Volumes by structure."""
        return {name: structure.volume_ml for name, structure in self.structures.items()}


def summarise_anatomy(scans: Sequence[SegmentedScan]) -> dict[str, Any]:
    """Return agreement with labels by structure, and differences between repeats by what was changed."""
    known = {name: _values(scans, name, "known_ml") for name in MEASURED}
    found = {name: _values(scans, name, "volume_ml") for name in MEASURED}
    structures = {}
    for name in MEASURED:
        dices = _values(scans, name, "dice")
        structures[name] = {
            **(agreement(known[name], found[name]) or {"n": 0}),
            "known_ml": _mean(known[name]),
            "volume_ml": _mean(found[name]),
            "r_voxels": _r(known[name], _values(scans, name, "voxels_ml")),
            "r_share": _r(known[name] / known["brain"], found[name] / found["brain"]),
            "r_known_brain": _r(known[name], known["brain"]),
            "dice": _mean(dices),
        }
    return {"structures": structures, "repeatability": _repeats(scans)}


def _values(scans: Sequence[SegmentedScan], name: str, column: str) -> NDArray[np.float64]:
    return np.array([getattr(scan.structures[name], column) for scan in scans], dtype=np.float64)


def _r(known: NDArray[np.float64], found: NDArray[np.float64]) -> float | None:
    scores = agreement(known, found)
    return scores["r"] if scores else None


def _mean(values: NDArray[np.float64]) -> float | None:
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else None


def _repeats(scans: Sequence[SegmentedScan]) -> dict[str, Any]:
    """Return differences of volumes by structure: between the scans of a session, and from each change."""
    sessions: dict[tuple[str, str], list[Mapping[str, float]]] = defaultdict(list)
    for scan in scans:
        sessions[scan.participant, scan.session].append(scan.volumes_ml)
    kinds: dict[str, list[list[Mapping[str, float]]]] = {"scans": [sessions[key] for key in sorted(sessions)]}
    for name in dict.fromkeys(name for scan in scans for name in scan.repeats):
        kinds[name] = [[scan.volumes_ml, scan.repeats[name]] for scan in scans if name in scan.repeats]
    return {
        kind: {name: repeatability([v[name] for v in group] for group in groups) for name in MEASURED}
        for kind, groups in kinds.items()
    }
