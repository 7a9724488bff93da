"""What tells one brain from another: features and volumes, in components of equal spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.quality.components import evenly_chosen, robust_components, robust_scale

__all__ = ["LEAST_SCANS", "Fingerprints", "fingerprints"]

LEAST_SCANS = 20
_FEATURE_COMPONENTS, _VOLUME_COMPONENTS = 20, 15
_LEAST_SHARE, _LEAST_JOINT_SHARE, _PER_COMPONENT = 1e-4, 0.002, 5
_OFTEN = 0.9  # share of the scans for which a number must be known

_Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fingerprints:
    """m scans that can be compared.

    ``places`` (m,) are their rows in the table. ``scores`` (m, q) are joint components of features and
    volumes, each with a robust standard deviation of 1 over the scans. ``numbers`` (m, k) are features,
    logarithms of volumes and image quality metrics in robust standard deviations, NaN where not known.
    """

    places: npt.NDArray[np.intp]
    scores: _Array
    numbers: npt.NDArray[np.float32]


def fingerprints(
    features: npt.NDArray[np.floating],
    volumes: npt.NDArray[np.floating],
    metrics: npt.NDArray[np.floating],
    included: npt.NDArray[np.bool_],
) -> Fingerprints | None:
    """Return the fingerprints of scans; None for fewer than 20.

    Features give at most 20 and volumes at most 15 robust principal components, one for five scans, each with
    at least 0.01 % of the variance; they are then made uncorrelated. Volumes and metrics that
    are known for less than 90 % of the scans are not used.

    Parameters
    ----------
    features
        Shape (n, d).
    volumes
        Shape (n, v), mm3; v may be 0. Scans that lack a volume that is used have no fingerprint.
    metrics
        Shape (n, w), NaN where not known; w may be 0.
    included
        Scans that take part, shape (n,).
    """
    if included.sum() < LEAST_SCANS:
        return None
    logs = _known_often(np.log(np.where(volumes > 0, volumes, np.nan)), included)
    places = np.flatnonzero(included & np.isfinite(logs).all(axis=1))
    if len(places) < LEAST_SCANS:
        return None
    blocks = (features[places], logs[places], _known_often(metrics, included)[places])
    numbers = np.hstack([_standardised(block) for block in blocks if block.size])
    return Fingerprints(places, _scores(*blocks[:2]), numbers)


def _known_often(
    values: npt.NDArray[np.floating], included: npt.NDArray[np.bool_]
) -> npt.NDArray[np.floating]:
    """Return the columns that most scans have."""
    return values.take(np.flatnonzero(np.isfinite(values[included]).mean(axis=0) >= _OFTEN), axis=1)


def _scores(features: npt.NDArray[np.floating], logs: npt.NDArray[np.floating]) -> _Array:
    most = max(len(features) // _PER_COMPONENT, 1)
    blocks = [robust_components(features, min(_FEATURE_COMPONENTS, most), _LEAST_SHARE).scores(features)]
    if logs.shape[1]:
        blocks.append(robust_components(logs, min(_VOLUME_COMPONENTS, most), _LEAST_SHARE).scores(logs))
    joint = np.hstack(blocks)
    return robust_components(joint, joint.shape[1], _LEAST_JOINT_SHARE).scores(joint)


def _standardised(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    part = values[evenly_chosen(len(values))]
    centre, scale = robust_scale(np.where(np.isfinite(part), part, np.nanmedian(part, axis=0)))
    varies = np.flatnonzero(scale > 1e-9 * np.maximum(np.abs(centre), 1e-30))
    return np.asarray((values.take(varies, axis=1) - centre[varies]) / scale[varies], dtype=np.float32)
