"""How a volume varies between people of one age, sex and head size."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtr, ndtri, stdtr, stdtrit

__all__ = ["Distribution", "centile_of"]

_FARTHEST = 8.0  # in sd: beyond it, tails of distributions mean nothing


@dataclass(frozen=True)
class Distribution:
    """A normal, log-normal or Student distribution of a volume.

    Parameters
    ----------
    location, scale
        Median and sd, in mm3, or of the natural logarithm of the volume in mm3.
    logarithmic
        Whether they are of the logarithm.
    offset_mm3
        What the volume has beyond the quantity that is distributed so.
    degrees
        Degrees of freedom of Student's distribution, infinite for a normal one: it holds for a new person
        where location and scale were estimated from few.
    """

    location: float
    scale: float
    logarithmic: bool = False
    offset_mm3: float = 0.0
    degrees: float = math.inf

    @property
    def median_mm3(self) -> float:
        """The volume below which half of the people are."""
        return self._volume(self.location)

    def z(self, volume_mm3: float) -> float:
        """Return how far a volume is from the median, in sd of a normal distribution with equal centiles.

        >>> Distribution(1000.0, 100.0).z(1100.0), Distribution(math.log(500), 0.5, True, 600).z(1100.0)
        (1.0, 0.0)
        """
        share = volume_mm3 - self.offset_mm3
        if self.logarithmic and share <= 0:
            return -_FARTHEST
        distance = ((math.log(share) if self.logarithmic else share) - self.location) / self.scale
        if not math.isinf(self.degrees):
            # From the lower tail, which is exact where the upper one rounds to 1.
            distance = math.copysign(float(ndtri(stdtr(self.degrees, -abs(distance)))), distance)
        return min(max(distance, -_FARTHEST), _FARTHEST)

    def quantile(self, centile: float) -> float:
        """Return the volume in mm3 below which a percentage of the people are.

        >>> round(Distribution(1000.0, 100.0).quantile(84.134), 1)
        1100.0
        """
        share = centile / 100
        z = float(ndtri(share) if math.isinf(self.degrees) else stdtrit(self.degrees, share))
        return self._volume(self.location + self.scale * z)

    def _volume(self, value: float) -> float:
        return (math.exp(value) if self.logarithmic else value) + self.offset_mm3


def centile_of(z: float) -> float:
    """Return the centile of a z-score.

    >>> round(centile_of(0.0), 1), round(centile_of(1.0), 1)
    (50.0, 84.1)
    """
    return 100 * float(ndtr(z))
