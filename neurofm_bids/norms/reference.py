"""References: what to expect at an age, sex and head size; the published norms are the default."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.anatomy.morphometry import MEASURED
from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES
from neurofm_bids.norms.distribution import Distribution
from neurofm_bids.norms.head_size import ETIV_SD_ML, etiv_ml
from neurofm_bids.norms.published import CHOROID_MM3, ETIV_ML, read_norms
from neurofm_bids.norms.regression import Regression
from neurofm_bids.records.origin import Origin

__all__ = ["PUBLISHED", "Expectation", "PublishedReference", "Reference"]

_AGES = (18.0, 95.0)  # extrapolated from those of the tables
_STEP_ML = 50.0  # of head size, for the slope


@dataclass(frozen=True)
class Expectation:
    """The distribution of a volume, None where the notes say why there is none."""

    distribution: Distribution | None
    notes: tuple[str, ...] = ()


class Reference(Protocol):
    """People with whose volumes those of a scan are compared."""

    def ages(self, key: str, head_ml: float | None) -> tuple[float, float]:
        """Return the lowest and the highest age with an expectation of a volume, in years."""

    @property
    def about(self) -> Mapping[str, Any]:
        """What it is and where it comes from, ready for JSON."""

    @property
    def is_freesurfer(self) -> bool:
        """Whether its volumes were measured by FreeSurfer, and not like those compared with them."""

    def covers(self, key: str, definition: str) -> bool:
        """Tell whether it has a volume: by its key, or by that of the segmentation defined like it."""

    def refuses(self, origin: Origin) -> str:
        """Return why volumes made so cannot be compared with it; empty if they can."""

    def expect(
        self, key: str, definition: str, age_years: float, sex: str, head_ml: float | None
    ) -> Expectation:
        """Return the distribution of a value at an age, sex (``F``, ``M``) and intracranial volume in ml."""

    def of_score(self, name: str, digest: str) -> Regression | None:
        """Return the regression of the scores of a readout on age and sex; None if it has none."""


@dataclass(frozen=True)
class PublishedReference:
    """The norms of NOMIS (Potvin et al. 2021) for 20 to 90 years, extrapolated to 18 and 95 years.

    A sum of regions has the sum of their means, and the sd that follows from their correlations. Sums with
    ventricles are log-normal like these; their logarithms have the sd of the sum of relative deviations,
    which is exact for small ones.
    """

    def ages(self, key: str, head_ml: float | None) -> tuple[float, float]:
        """Return 18 to 95 years."""
        return _AGES

    @property
    def about(self) -> Mapping[str, Any]:
        """Name, source and ages."""
        return {
            "Name": "NOMIS",
            "Source": "Potvin, Dieumegarde, Duchesne 2021, bioRxiv 2021.01.25.428063: 6,909 healthy people",
            "AgeRange": list(_AGES),
        }

    @property
    def is_freesurfer(self) -> bool:
        """True."""
        return True

    def covers(self, key: str, definition: str) -> bool:
        """Tell whether all regions of a volume have norms: CSF outside the ventricles has none."""
        return definition in MEASURED and max(MEASURED[definition]) < len(REGIONS)

    def refuses(self, origin: Origin) -> str:
        """Return an empty text: the norms come from other software in any case."""
        return ""

    def expect(
        self, key: str, definition: str, age_years: float, sex: str, head_ml: float | None
    ) -> Expectation:
        """Return the distribution of a volume; without head size, that over the heads of the sex."""
        if not _AGES[0] <= age_years <= _AGES[1]:
            return Expectation(None, ("age_outside",))
        regions, norms = _regions_of(definition), read_norms()
        size = ETIV_ML[sex] if head_ml is None else etiv_ml(head_ml)
        found = _distribution(regions, age_years, sex, size)
        notes = () if norms.ages[0] <= age_years <= norms.ages[-1] else ("extrapolated",)
        if head_ml is None:
            found, notes = _without_head_size(regions, age_years, sex, found), (*notes, "no_head_size")
        return Expectation(found, notes)

    def of_score(self, name: str, digest: str) -> Regression | None:
        """Return None."""
        return None


PUBLISHED = PublishedReference()


@dataclass(frozen=True)
class _Regions:
    """What the norms say of the regions of a volume at any age, sex and head size.

    Parameters
    ----------
    members
        Their places in the norms, (m,).
    logarithmic, sd, correlation
        As in :class:`~neurofm_bids.norms.published.Norms`, (m,) and (m, m).
    choroid_mm3
        Choroid plexus in the volume that the norms do not count.
    scale
        The sd of the sum of the regions if none is a logarithm.
    """

    members: NDArray[np.int64]
    logarithmic: NDArray[np.bool_]
    sd: NDArray[np.float64]
    correlation: NDArray[np.float64]
    choroid_mm3: float
    scale: float | None


@cache
def _regions_of(definition: str) -> _Regions:
    norms, members = read_norms(), np.array(MEASURED[definition])
    logarithmic, sd = norms.logarithmic[members], norms.sd[members]
    correlation = norms.correlation[np.ix_(members, members)]
    choroid = CHOROID_MM3 * sum(
        STRUCTURES[REGIONS[member].structure].name == "lateral_ventricle" for member in members
    )
    scale = None if logarithmic.any() else math.sqrt(sd @ correlation @ sd)
    return _Regions(members, logarithmic, sd, correlation, choroid, scale)


@lru_cache(maxsize=16)  # all volumes of a scan are expected at a few head sizes
def _means(age_years: float, sex: str, etiv: float) -> NDArray[np.float64]:
    return read_norms().means(age_years, sex, etiv)


def _distribution(regions: _Regions, age_years: float, sex: str, etiv: float) -> Distribution:
    means = _means(age_years, sex, etiv)[regions.members]
    if regions.scale is not None:
        return Distribution(float(means.sum()), regions.scale)
    logarithmic, sd = regions.logarithmic, regions.sd
    volumes = np.where(logarithmic, 10.0 ** np.where(logarithmic, means, 0), means)
    relative = np.where(logarithmic, sd * math.log(10), sd / volumes) * volumes / volumes.sum()
    scale = math.sqrt(relative @ regions.correlation @ relative)
    return Distribution(math.log(float(volumes.sum())), scale, "logarithm", regions.choroid_mm3)


def _without_head_size(regions: _Regions, age_years: float, sex: str, at_mean: Distribution) -> Distribution:
    """Return a distribution with the part of head size added to its sd."""
    low, high = (
        _distribution(regions, age_years, sex, ETIV_ML[sex] + step).location for step in (-_STEP_ML, _STEP_ML)
    )
    of_heads = ETIV_SD_ML[sex] * (high - low) / (2 * _STEP_ML)
    scale = math.hypot(at_mean.scale, of_heads)
    return Distribution(at_mean.location, scale, at_mean.of, at_mean.offset)
