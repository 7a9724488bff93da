"""The score of a scan by a readout: a linear model on its features or on the volumes of its regions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from pydantic.dataclasses import dataclass

from neurofm_bids.records.schema import RECORD

__all__ = ["FAR", "NO_SCORE", "Profile", "Score", "ScorePart"]

# Notes with which there is no score; the others only limit it. Their meaning: Levels of ``readout_notes``.
NO_SCORE = frozenset(
    {"covariate_unknown", "site_unknown", "feature_unknown", "volume_unknown", "made_otherwise"}
)
FAR = 99.0  # percentile of the distances of training scans from which on a scan is unlike them


@dataclass(frozen=True, config=RECORD)
class ScorePart:
    """A number that belongs to a score.

    Parameters
    ----------
    name
        What it is, such as ``probability of class MDD`` or ``risk within 5 years``.
    value, interval95
        None beyond the follow-up of the training cohort; the interval is None where there is none.
    horizon
        Of a risk, in years from the scan; None for a probability.
    """

    name: str
    value: float | None
    interval95: tuple[float, float] | None = None
    horizon: float | None = None


@dataclass(frozen=True, config=RECORD)
class Score:
    """What one readout says of one scan.

    Parameters
    ----------
    name, domain, kind, description
        Of the task of the readout.
    quantity
        What the value is, such as ``value``, ``probability of class MDD``,
        ``expected rank, 1 (low) to 3 (high)`` or ``risk within 5 years``.
    units
        Of the value.
    value, interval95
        None where a note says why. The interval of a value in units covers the value that would be measured;
        that of others covers the sampling error of the fit, and is None where the readout has none.
    of_class
        The class of which the value is the probability; None for other quantities.
    parts
        Probabilities of all classes, or risks at all horizons.
    centile, centile_interval95
        Percentage of the training cohort, when held out, with a lower score, and its sampling error; None for
        classes without order, and for readouts that are not above chance.
    distance_percentile
        Percentage of training scans whose features are less far from the mean of the cohort.
    reference_expected, reference_z, reference_centile
        Median of the people of a reference of the user of the age and sex of the scan, distance from it in
        their sd, and percentage of them with a lower score; None without such a reference.
    notes
        What limits the score, and why there is none: Levels of the column ``readout_notes``.
    reason
        The first note in detail; empty for most.
    training
        The cohort of the fit, in one sentence.
    digest
        Of the readout.
    """

    name: str
    domain: str
    kind: str
    description: str
    quantity: str
    units: str
    value: float | None
    interval95: tuple[float, float] | None = None
    of_class: str | None = None
    parts: tuple[ScorePart, ...] = field(default=())
    centile: float | None = None
    centile_interval95: tuple[float, float] | None = None
    distance_percentile: float | None = None
    notes: tuple[str, ...] = ()
    reason: str = ""
    training: str = ""
    digest: str = ""
    reference_expected: float | None = None
    reference_z: float | None = None
    reference_centile: float | None = None


@dataclass(frozen=True, config=RECORD)
class Profile:
    """The scores of one scan by all readouts.

    Parameters
    ----------
    quality
        Judgement of the scan: ``ok``, ``check`` or ``fail``.
    domains
        Scores by domain, in the order of the domains.
    """

    quality: str
    domains: Mapping[str, tuple[Score, ...]]

    @property
    def scores(self) -> tuple[Score, ...]:
        """All scores."""
        return tuple(score for scores in self.domains.values() for score in scores)
