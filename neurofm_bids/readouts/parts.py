"""The parts of a readout: linear functions, covariates, hazards, its training and its evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from neurofm_bids.records.schema import RECORD

__all__ = [
    "Baseline",
    "Cloud",
    "Covariate",
    "Evaluation",
    "Harmonisation",
    "Linear",
    "Metric",
    "Site",
    "Training",
]


@dataclass(frozen=True, config=RECORD)
class Linear:
    """A linear function of features and covariates in their own units.

    Parameters
    ----------
    intercept
        Its value where all are 0.
    coefficients
        One for each feature; the scaling and the regression on covariates are in them.
    covariates
        One for each column of coded covariates.
    """

    intercept: float
    coefficients: tuple[float, ...]
    covariates: tuple[float, ...] = ()


@dataclass(frozen=True, config=RECORD)
class Covariate:
    """A covariate and its coding.

    Parameters
    ----------
    name
        Its column in the tables of the dataset.
    levels
        Of a text; the first is the reference, each other one is a column of 0 and 1. Empty for a number,
        which is one column.
    """

    name: str
    levels: tuple[str, ...] = ()


@dataclass(frozen=True, config=RECORD)
class Baseline:
    """The cumulative hazard of one cause where its linear function is 0.

    Parameters
    ----------
    times
        In years, increasing.
    cumulative_hazard
        At each time, not decreasing.
    """

    times: tuple[float, ...]
    cumulative_hazard: tuple[float, ...]


@dataclass(frozen=True, config=RECORD)
class Cloud:
    """Where the features of the training scans lie, to tell how far those of another scan are from them.

    Parameters
    ----------
    mean, sd
        Of each feature.
    components
        Directions of largest variance of the standardised features, of unit length.
    variances
        Of the training scans along each.
    residual_variance
        Mean variance along all other directions; 0 if there are none.
    distances
        Percentiles 0 to 100 of the distances of training scans that took no part in mean and components.
    """

    mean: tuple[float, ...]
    sd: tuple[float, ...]
    components: tuple[tuple[float, ...], ...]
    variances: tuple[float, ...]
    residual_variance: float
    distances: tuple[float, ...]

    @cached_property
    def axes(self) -> NDArray[np.float64]:
        """The components as rows, shape (components, features)."""
        return np.array(self.components, dtype=np.float64).reshape(-1, len(self.mean))


@dataclass(frozen=True, config=RECORD)
class Site:
    """Location and scale of the features at one site.

    Parameters
    ----------
    location
        Mean of each feature, regressed on covariates, in the units of the features.
    scale
        Of each feature, its standard deviation over that within all sites.
    """

    location: tuple[float, ...]
    scale: tuple[float, ...]


@dataclass(frozen=True, config=RECORD)
class Harmonisation:
    """What makes the features of a scan those of a common site, before functions are applied to them.

    Parameters
    ----------
    centre
        Means of the q coded covariates.
    slopes
        Change of each of p features per unit of each covariate within sites, (q, p).
    level
        Mean of each feature, regressed on covariates, which all sites get.
    sites
        By their names in the column of the task; scans of other sites have no score.
    """

    centre: tuple[float, ...]
    slopes: tuple[tuple[float, ...], ...]
    level: tuple[float, ...]
    sites: Mapping[str, Site]


@dataclass(frozen=True, config=RECORD)
class Metric:
    """A metric with its 95 % interval of the bootstrap over people; None where it cannot be computed."""

    value: float | None
    interval95: tuple[float, float] | None = None


@dataclass(frozen=True, config=RECORD)
class Evaluation:
    """How well scans are read that took no part in the fit.

    Parameters
    ----------
    metrics
        By name, of the readout.
    covariates_only
        The same metrics of the covariates alone.
    with_covariates
        Of covariates with what the readout says of held-out scans: what is more than ``covariates_only`` is
        what features add. Of the kind time-to-event, whose hazard has covariates, those of the readout.
    predictions_only, predictions_and_covariates
        Of the predictions of NeuroFM alone, and with covariates.
    p_value
        Share of permutations of the target that are read as well or better; None without permutations.
    p_corrected
        Corrected over the tasks that were fitted together (Holm); never in a file, which does not depend on
        the other tasks.
    scheme
        How scans were split, in words.
    learning_curve
        Main metric by number of people in the training, as text.
    """

    metrics: Mapping[str, Metric]
    covariates_only: Mapping[str, Metric] = field(default_factory=dict)
    with_covariates: Mapping[str, Metric] = field(default_factory=dict)
    predictions_only: Mapping[str, Metric] = field(default_factory=dict)
    predictions_and_covariates: Mapping[str, Metric] = field(default_factory=dict)
    p_value: float | None = None
    p_corrected: float | None = None
    scheme: str = ""
    learning_curve: Mapping[str, Metric] = field(default_factory=dict)


@dataclass(frozen=True, config=RECORD)
class Training:
    """The cohort of the fit.

    Parameters
    ----------
    dataset
        Name of the dataset.
    description
        One sentence for people: who they are and how many.
    scans, people
        Numbers of scans and of people.
    events
        People by class of the target, or by event; empty for a regression.
    sexes
        People by recorded sex.
    age_range
        In years; None if no age is recorded.
    sites
        People by site.
    fingerprint
        SHA-256 of all that went into the fit, by which a run knows that it need not be repeated.
    """

    dataset: str
    description: str
    scans: int
    people: int
    events: Mapping[str, int] = field(default_factory=dict)
    sexes: Mapping[str, int] = field(default_factory=dict)
    age_range: tuple[float, float] | None = None
    sites: Mapping[str, int] = field(default_factory=dict)
    fingerprint: str = ""
