"""Image quality metrics that need the networks: what they find to be uncertain, and where they disagree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from neurofm_bids.anatomy.regions import REGIONS
from neurofm_bids.model.registry import Head
from neurofm_bids.records.anatomy import Anatomy
from neurofm_bids.records.prediction import Prediction

__all__ = ["NetworkQuality", "network_quality"]

_NO_SEGMENTATION = "there is no segmentation"


@dataclass(frozen=True)
class NetworkQuality:
    """Metrics by name, and why one is None."""

    metrics: dict[str, float | None]
    not_measured: dict[str, str]


def network_quality(
    heads: Iterable[Head], predictions: Mapping[str, Prediction], anatomy: Anatomy | None
) -> NetworkQuality:
    """Return the confidence of the segmentation, and how predicted volumes differ from its volumes.

    Parameters
    ----------
    heads
        Of the network that predicts.
    anatomy
        What the segmentation measured; None without it.
    """
    metrics: dict[str, float | None] = {
        "segmentation_confidence": None if anatomy is None else anatomy.volumes["brain"].confidence,
        "segmentation_confidence_lowest": None if anatomy is None else _lowest(anatomy),
    }
    for head in heads:
        if head.measured:
            measured = 0.0 if anatomy is None else anatomy.volumes[head.measured].mm3
            value = predictions[head.name].value
            metrics[f"{head.name}_disagreement"] = (value - measured) / measured if measured else None
    reason = _NO_SEGMENTATION if anatomy is None else "the segmentation found no such region"
    return NetworkQuality(metrics, {name: reason for name, value in metrics.items() if value is None})


def _lowest(anatomy: Anatomy) -> float | None:
    """Return the lowest confidence of a region that was found."""
    found = [anatomy.volumes[region.name] for region in REGIONS if region.name in anatomy.volumes]
    return min((volume.confidence for volume in found if volume.mm3 > 0), default=None)
