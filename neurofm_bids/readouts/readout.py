"""The file of a readout: a fitted linear model, the cohort it was fitted on, and how well it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from neurofm_bids.readouts.task import Task
from neurofm_bids.records.origin import Origin
from neurofm_bids.records.schema import RECORD

__all__ = [
    "FORMAT_VERSION",
    "Baseline",
    "Cloud",
    "Covariate",
    "Evaluation",
    "FeatureSet",
    "Linear",
    "Metric",
    "Readout",
    "Training",
]

FORMAT_VERSION = 1
FeatureSet = Literal["latent", "regional", "both"]


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
        Corrected over the tasks that were fitted together (Holm).
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


@dataclass(frozen=True, config=RECORD)
class Readout:
    """A fitted readout, as in its JSON file.

    Parameters
    ----------
    format_version
        Of this format.
    version
        Of NeuroFM-BIDS.
    license
        SPDX identifier, or None where the maker stated none.
    task
        What it was fitted to.
    origin
        How its features were made; features made otherwise cannot be read.
    feature_set, features
        Which features, and their names in order: ``f000`` and so on as in tables of features, then volumes in
        mm3 by region, such as ``left_hippocampus``.
    covariates
        Regressed out of the features.
    classes
        Of the kinds ``binary`` (the other class, then the positive one), ``multiclass`` and ``ordinal``.
    functions
        ``regression``: the expected value. ``binary``: the logit of the positive class. ``multiclass``: one
        for each class, whose softmax gives the probabilities. ``ordinal``: one; thresholds are in
        ``thresholds``. ``time-to-event``: the log hazard ratio of the event, then of the competing event if
        there is one.
    thresholds
        Of the kind ``ordinal``: logit of P(class above k) = function - thresholds[k].
    replicates
        The functions fitted on bootstrap samples of people, for the sampling error of a score.
    baselines
        Of the kind ``time-to-event``, one for each function.
    calibration
        Slope and intercept of the recalibration on held-out scans, already in ``functions``; None without.
    residual_quantile
        Half width of the 95 % prediction interval of the kind ``regression`` (from held-out scans).
    scores
        Percentiles 0 to 100 of the first function over held-out training scans, one per person.
    cloud
        Where the features of the training scans lie.
    training
        The cohort of the fit.
    evaluation
        How well it did.
    notes
        What limits its use, one sentence each.
    digest
        SHA-256 of all other fields.
    """

    format_version: int
    version: str
    license: str | None
    task: Task
    origin: Origin
    feature_set: FeatureSet
    features: tuple[str, ...]
    covariates: tuple[Covariate, ...]
    classes: tuple[str, ...]
    functions: tuple[Linear, ...]
    thresholds: tuple[float, ...]
    replicates: tuple[tuple[Linear, ...], ...]
    baselines: tuple[Baseline, ...]
    calibration: tuple[float, float] | None
    residual_quantile: float | None
    scores: tuple[float, ...]
    cloud: Cloud
    training: Training
    evaluation: Evaluation
    notes: tuple[str, ...] = ()
    digest: str = ""

    @cached_property
    def replicate_weights(self) -> NDArray[np.float64]:
        """Intercept, coefficients, covariates of the functions of replicates: (replicates, functions, n)."""
        rows = [
            [(one.intercept, *one.coefficients, *one.covariates) for one in functions]
            for functions in self.replicates
        ]
        return np.array(rows, dtype=np.float64)

    @property
    def about(self) -> dict[str, Any]:
        """What the outputs of a scan say of it: name, domain, digest and training cohort."""
        return {
            "Name": self.task.name,
            "Domain": self.task.domain,
            "Description": self.task.description,
            "SHA256": self.digest,
            "Training": self.training.description,
        }
