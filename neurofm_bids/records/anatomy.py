"""Volumes of the regions of one brain, as the segmentation network measures them."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic.dataclasses import dataclass

from neurofm_bids.records.schema import RECORD

__all__ = ["NOTICE", "Anatomy", "Volume", "structure_and_side"]

NOTICE = (
    "The segmentation network is a preview. Use its volumes in cohorts only: those of hippocampus, amygdala "
    "and accumbens do not yet follow manual labels of individuals"
)

_SIDES = ("left", "right")


@dataclass(frozen=True, config=RECORD)
class Volume:
    """The volume of a region, or of several.

    Parameters
    ----------
    mm3
        Sum of posteriors over the voxels, mean over the lattice phases.
    interval95
        Limits in mm3, chosen so that they hold 95% of the true volumes of synthetic brains of label maps that
        were not used for training; None where the weights have no calibration. What real scans add to the
        error is not in it.
    confidence
        Mean posterior of the region over its voxels, each weighted with that posterior, 0 to 1; of a sum, the
        mean of its regions, weighted with their volumes.
    """

    mm3: float
    interval95: tuple[float, float] | None
    confidence: float


@dataclass(frozen=True, config=RECORD)
class Anatomy:
    """The regions of one brain.

    Parameters
    ----------
    volumes
        By name: each region on each side, such as ``left_hippocampus``, and sums, such as ``brain``.
    phases
        Number of 2 mm lattices that were read.
    weights_sha256
        SHA-256 of the weights of the segmentation network.
    """

    volumes: Mapping[str, Volume]
    phases: int
    weights_sha256: str

    @property
    def structures(self) -> dict[str, dict[str, Volume]]:
        """Volumes by structure and side: ``left``, ``right``, or empty for both together or without sides."""
        found: dict[str, dict[str, Volume]] = {}
        for name, volume in self.volumes.items():
            structure, side = structure_and_side(name)
            found.setdefault(structure, {})[side] = volume
        return found

    @property
    def asymmetry(self) -> dict[str, float]:
        """Left minus right over their mean, by structure with two sides, where any of it is there.

        >>> sides = {"left_caudate": Volume(11.0, None, 0.9), "right_caudate": Volume(9.0, None, 0.9)}
        >>> Anatomy(sides, 2, "").asymmetry
        {'caudate': 0.2}
        """
        pairs = {
            structure: (sides["left"].mm3, sides["right"].mm3)
            for structure, sides in self.structures.items()
            if "left" in sides
        }
        return {
            name: 2 * (left - right) / (left + right) for name, (left, right) in pairs.items() if left + right
        }


def structure_and_side(name: str) -> tuple[str, str]:
    """Return the structure of a volume, and its side, empty without one.

    >>> structure_and_side("left_caudate"), structure_and_side("brain")
    (('caudate', 'left'), ('brain', ''))
    """
    side, _, structure = name.partition("_")
    return (structure, side) if side in _SIDES else (name, "")
