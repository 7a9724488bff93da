"""The file of a readout: a fitted linear model, the cohort it was fitted on, and how well it did."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from neurofm_bids.readouts.parts import (
    Baseline,
    Cloud,
    Covariate,
    Evaluation,
    Harmonisation,
    Linear,
    Metric,
    Training,
)
from neurofm_bids.readouts.task import Task
from neurofm_bids.records.origin import Origin
from neurofm_bids.records.schema import RECORD

__all__ = [
    "FORMAT_VERSION",
    "NOT_ABOVE_CHANCE",
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
NOT_ABOVE_CHANCE = "Held-out scans are not read reliably better than by chance."
FeatureSet = Literal["latent", "regional", "both"]


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
    replicate_thresholds
        Of the kind ``ordinal``, those of each replicate, with the mean of ``thresholds``: the level of a
        replicate is in its intercept.
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
    harmonisation
        Of features by site, before they enter ``functions`` and ``cloud``; None if the task has none.
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
    replicate_thresholds: tuple[tuple[float, ...], ...] = ()
    harmonisation: Harmonisation | None = None
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
