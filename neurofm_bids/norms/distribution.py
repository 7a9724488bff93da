"""How a value varies between people of one age, sex and head size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy.special import expit, ndtr, ndtri, stdtr, stdtrit

__all__ = ["Distribution", "Scale", "centile_of", "on_scale"]

_FARTHEST = 8.0  # in sd: beyond it, tails of distributions mean nothing
_LARGEST = 50.0  # of what sinh takes


Scale = Literal["linear", "logarithm", "logit"]


@dataclass(frozen=True)
class Distribution:
    """A normal, Student or sinh-arcsinh distribution of a value, of its logarithm or of its logit.

    Parameters
    ----------
    location, scale
        Median and sd of the value, or of its logarithm or logit, where the errors are symmetric.
    of
        Whether they are of the value, its natural logarithm or its logit.
    offset
        What the value has beyond the quantity that is distributed so.
    degrees
        Degrees of freedom of Student's distribution, infinite for a normal one: it holds for a new person
        where location and scale were estimated from few.
    skew, tail
        Of the sinh-arcsinh distribution (Jones and Pewsey 2009, Biometrika 96:761), as its epsilon and the
        logarithm of its delta; 0 for a normal one.
    """

    location: float
    scale: float
    of: Scale = "linear"
    offset: float = 0.0
    degrees: float = math.inf
    skew: float = 0.0
    tail: float = 0.0

    @property
    def median(self) -> float:
        """The value below which half of the people are."""
        return self.quantile(50.0)

    def z(self, value: float) -> float:
        """Return how far a value is from the median, in sd of a normal distribution with equal centiles.

        >>> Distribution(1000.0, 100.0).z(1100.0)
        1.0
        >>> Distribution(math.log(500), 0.5, "logarithm", 600).z(1100.0)
        0.0
        """
        share = on_scale(value - self.offset, self.of)
        if not math.isfinite(share):
            return math.copysign(_FARTHEST, share)
        distance = (share - self.location) / self.scale
        if self.skew or self.tail:
            distance = math.sinh(_clipped(math.exp(self.tail) * math.asinh(distance) - self.skew))
        if not math.isinf(self.degrees):
            # From the lower tail, which is exact where the upper one rounds to 1.
            distance = math.copysign(float(ndtri(stdtr(self.degrees, -abs(distance)))), distance)
        return min(max(distance, -_FARTHEST), _FARTHEST)

    def quantile(self, centile: float) -> float:
        """Return the value below which a percentage of the people are.

        >>> round(Distribution(1000.0, 100.0).quantile(84.134), 1)
        1100.0
        """
        share = centile / 100
        z = float(ndtri(share) if math.isinf(self.degrees) else stdtrit(self.degrees, share))
        if self.skew or self.tail:
            z = math.sinh((math.asinh(z) + self.skew) / math.exp(self.tail))
        return _off_scale(self.location + self.scale * z, self.of) + self.offset


def on_scale(value: float, of: Scale) -> float:
    """Return a value, its logarithm or its logit; infinite where there is none.

    >>> on_scale(0.5, "logit"), on_scale(-1.0, "logarithm"), on_scale(1.0, "logit")
    (0.0, -inf, inf)
    """
    if of == "linear" or math.isnan(value):
        return value
    if value <= 0:
        return -math.inf
    if of == "logarithm":
        return math.log(value)
    return math.inf if value >= 1 else math.log(value / (1 - value))


def _clipped(value: float) -> float:
    return min(max(value, -_LARGEST), _LARGEST)


def _off_scale(value: float, of: Scale) -> float:
    if of == "linear":
        return value
    return math.exp(value) if of == "logarithm" else float(expit(value))


def centile_of(z: float) -> float:
    """Return the centile of a z-score.

    >>> round(centile_of(0.0), 1), round(centile_of(1.0), 1)
    (50.0, 84.1)
    """
    return 100 * float(ndtr(z))
