"""Whether the parts of a readout fit together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.columns import is_latent
from neurofm_bids.readouts.harmonisation import harmonisation_fault
from neurofm_bids.readouts.readout import Cloud, Covariate, Readout

__all__ = ["N_PERCENTILES", "check_consistency", "coded_columns"]

N_PERCENTILES = 101
_SMALLEST, _LARGEST = 1e-50, 1e50  # so that no score overflows
_CLASSES = {"binary": (2, 2), "multiclass": (2, None), "ordinal": (2, None)}


def check_consistency(readout: Readout) -> None:
    """Raise if parts of a readout do not fit together.

    Raises
    ------
    NeuroFMError
        Lengths, orders or signs are not those that the kind of its task needs; the message says which.
    """
    for faults in _FAULTS:
        if fault := next(filter(None, faults(readout)), ""):
            raise NeuroFMError(f"the parts of the readout do not fit together ({fault})")


def coded_columns(covariates: Sequence[Covariate]) -> int:
    """Return the number of columns of coded covariates.

    >>> coded_columns([Covariate("age"), Covariate("sex", ("F", "M"))])
    2
    """
    return sum(len(one.levels) - 1 if one.levels else 1 for one in covariates)


def _feature_faults(readout: Readout) -> Iterator[str]:
    if not readout.features or len({*readout.features}) < len(readout.features):
        yield "features are absent or named twice"
    latent = [name for name in readout.features if is_latent(name)]
    expected = {"latent": len(readout.features), "regional": 0}.get(readout.feature_set)
    if expected is not None and len(latent) != expected:
        yield f"features are not those of the set {readout.feature_set}"


def _function_faults(readout: Readout) -> Iterator[str]:
    kind, classes = readout.task.kind, len(readout.classes)
    least, most = _CLASSES.get(kind, (0, 0))
    if classes < least or (most is not None and classes > most):
        yield f"{classes} classes of the kind {kind}"
    competing = readout.task.times is not None and readout.task.times.competing is not None
    expected = {"multiclass": classes, "time-to-event": 1 + competing}.get(kind, 1)
    sizes = len(readout.features), coded_columns(readout.covariates)
    for functions in (readout.functions, *readout.replicates):
        if len(functions) != expected:
            yield f"{len(functions)} functions in place of {expected}"
        for function in functions:
            if (len(function.coefficients), len(function.covariates)) != sizes:
                yield "coefficients are not as many as features and coded covariates"


def _threshold_faults(readout: Readout) -> Iterator[str]:
    kind, classes = readout.task.kind, len(readout.classes)
    if len(readout.thresholds) != (classes - 1 if kind == "ordinal" else 0):
        yield f"{len(readout.thresholds)} thresholds for {classes} classes"
    of_replicates = readout.replicate_thresholds
    if len(of_replicates) != (len(readout.replicates) if kind == "ordinal" else 0):
        yield f"thresholds of {len(of_replicates)} replicates of {len(readout.replicates)}"
    for thresholds in (readout.thresholds, *of_replicates):
        if len(thresholds) != len(readout.thresholds) or not _increases(thresholds, strictly=True):
            yield "thresholds do not increase"


def _site_faults(readout: Readout) -> Iterator[str]:
    made = readout.harmonisation
    if (made is not None) != readout.task.harmonise or (made is not None and readout.task.site is None):
        yield "a harmonisation belongs to a task that is harmonised by a site, and only to it"
    if made is not None:
        yield harmonisation_fault(made, len(readout.features), coded_columns(readout.covariates))


def _size_faults(readout: Readout) -> Iterator[str]:
    numbers = [n for one in readout.functions for n in (one.intercept, *one.coefficients, *one.covariates)]
    numbers.append(float(np.abs(readout.replicate_weights).max(initial=0.0)))
    if max(map(abs, numbers)) > _LARGEST:
        yield f"a coefficient is larger than {_LARGEST:g}"


def _time_faults(readout: Readout) -> Iterator[str]:
    is_timed = readout.task.kind == "time-to-event"
    if is_timed != (readout.task.times is not None):
        yield "times belong to the kind time-to-event, and only to it"
    if len(readout.baselines) != (len(readout.functions) if is_timed else 0):
        yield f"{len(readout.baselines)} baselines for {len(readout.functions)} functions"
    for baseline in readout.baselines:
        if not baseline.times or len(baseline.times) != len(baseline.cumulative_hazard):
            yield "times and hazards of a baseline are not equally many"
        hazards = baseline.cumulative_hazard
        if not (_increases(baseline.times, strictly=True) and _increases((0.0, *hazards))):
            yield "times or hazards of a baseline do not increase"


def _distribution_faults(readout: Readout) -> Iterator[str]:
    for name, values in (("scores", readout.scores), ("distances", readout.cloud.distances)):
        if len(values) != N_PERCENTILES or not _increases(values):
            yield f"{name} are not {N_PERCENTILES} increasing percentiles"
    if readout.residual_quantile is not None and readout.residual_quantile < 0:
        yield "the residual quantile is negative"
    yield from _cloud_faults(readout.cloud, len(readout.features))


def _cloud_faults(cloud: Cloud, n_features: int) -> Iterator[str]:
    lengths = {len(cloud.mean), len(cloud.sd), *map(len, cloud.components)}
    if lengths != {n_features} or len(cloud.components) != len(cloud.variances):
        yield "means, standard deviations or components of the cloud are not as many as features"
    if min(cloud.sd, default=1.0) < _SMALLEST:
        yield f"a standard deviation of the cloud is less than {_SMALLEST:g}"
    if min(cloud.variances, default=1.0) <= 0 or cloud.residual_variance < 0:
        yield "a variance of the cloud is not positive"
    if max(map(abs, (*cloud.mean, *cloud.sd)), default=0.0) > _LARGEST:
        yield f"a mean or standard deviation of the cloud is larger than {_LARGEST:g}"


def _increases(values: Sequence[float], *, strictly: bool = False) -> bool:
    steps = np.diff(values)
    return bool(np.all(steps > 0 if strictly else steps >= 0))


_FAULTS = (
    _feature_faults,
    _function_faults,
    _threshold_faults,
    _site_faults,
    _size_faults,
    _time_faults,
    _distribution_faults,
)
