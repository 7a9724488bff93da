"""Whether recorded age and sex are those of the brain, by what the model predicts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from neurofm_bids.analysis.quality.components import evenly_chosen, robust_scale

__all__ = ["LEAST_SCANS", "recorded_log_ratio", "recorded_sexes_that_differ"]

LEAST_SCANS = 20
_LEAST_OF_SEX = 10
_FREEDOM = 4
_EXCHANGES = 10  # random exchanges of the recorded values

_Array = npt.NDArray[np.float64]
_Texts = npt.NDArray[np.object_]


def recorded_log_ratio(age: _Array, sex: _Texts, predicted_age: _Array, male: _Array) -> pd.DataFrame:
    """Return for each scan the evidence that its recorded age and sex are those of another person.

    Two scores are added: the logarithms of the ratios of the density of the predicted age (of the logit of
    the probability of male) over all people to that among people of the recorded age (sex). They are not
    taken at their face value: the likelihood ratio is the share of scans with at least this score if the
    pairs of age and sex are exchanged at random, over the share as recorded (the largest such ratio at this
    score or below, so that more evidence never counts less). It is at most the number of scans, and close to
    1 where predictions are poor, so that a single weak hint counts little.

    Parameters
    ----------
    age, predicted_age
        In years, shape (n,), NaN where not known.
    sex
        F, M or None, shape (n,).
    male
        Predicted probability of male, shape (n,).

    Returns
    -------
    pandas.DataFrame
        ``log_ratio`` (natural logarithm), ``age_score``, ``sex_score``; 0 where nothing is known, and
        everywhere with fewer than 20 scans of known age, or 10 of each sex, respectively.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logit = np.clip(np.log(male) - np.log1p(-male), -15.0, 15.0)
    own = [_age_score(age, predicted_age, age), _sex_score(sex, logit, sex)]
    rng = np.random.default_rng(0)
    exchanged = []
    for _ in range(_EXCHANGES):
        order = rng.permutation(len(age))
        exchanged.append(_age_score(age, predicted_age, age[order]) + _sex_score(sex, logit, sex[order]))
    ratio = _ratio_of_tails(own[0] + own[1], np.concatenate(exchanged))
    log_ratio = np.where(own[0] + own[1] > 0, np.maximum(np.log(ratio), 0), 0.0)
    return pd.DataFrame({"log_ratio": log_ratio, "age_score": own[0], "sex_score": own[1]})


def recorded_sexes_that_differ(people: npt.NDArray[np.intp], sex: _Texts) -> pd.DataFrame:
    """Return the scans whose recorded sex is not that of the participant's first scan with a known one.

    Returns
    -------
    pandas.DataFrame
        ``first`` and ``other``: places of the first scan and of the one that differs.

    >>> sex = np.array([None, "F", "M", "M"], dtype=object)
    >>> recorded_sexes_that_differ(np.array([0, 0, 0, 1]), sex).to_numpy().tolist()
    [[1, 2]]
    """
    known = np.flatnonzero(np.isin(sex, ["F", "M"]))
    first = pd.Series(known).groupby(people[known]).transform("first").to_numpy(dtype=np.intp)
    differs = sex[known] != sex[first]
    return pd.DataFrame({"first": first[differs], "other": known[differs]})


def _ratio_of_tails(own: _Array, exchanged: _Array) -> _Array:
    """Return for each value the largest ratio, at it or below, of the shares of values at least as large."""
    order = np.argsort(own, kind="stable")
    levels = own[order]
    shares = [
        (1 + len(values) - np.searchsorted(np.sort(values), levels, side="left")) / (1 + len(values))
        for values in (exchanged, own)
    ]
    ratio = np.empty(len(own))
    ratio[order] = np.maximum.accumulate(shares[0] / shares[1])
    return ratio


def _age_score(age: _Array, predicted: _Array, recorded: _Array) -> _Array:
    """Return how much better the predicted age fits anyone than a person of the recorded age."""
    known = np.isfinite(age) & np.isfinite(predicted)
    if known.sum() < LEAST_SCANS or np.ptp(age[known]) == 0:
        return np.zeros(len(age))
    slope, intercept = _line(age[known], predicted[known])
    (_, scale), (middle, spread) = (
        (float(part[0]) for part in robust_scale(values[:, None]))
        for values in (predicted[known] - intercept - slope * age[known], predicted[known])
    )
    if min(scale, spread) <= 0:
        return np.zeros(len(age))
    anyone = _log_density((predicted - middle) / spread) - np.log(spread)
    score = anyone - _log_density((predicted - intercept - slope * recorded) / scale) + np.log(scale)
    return np.asarray(np.nan_to_num(score, nan=0.0), dtype=np.float64)


def _sex_score(sex: _Texts, logit: _Array, recorded: _Texts) -> _Array:
    """Return how much better the predicted sex fits anyone than a person of the recorded sex."""
    logs, shares = {}, {}
    for name in ("F", "M"):
        values = logit[(sex == name) & np.isfinite(logit)]
        if len(values) < _LEAST_OF_SEX:
            return np.zeros(len(sex))
        centre, scale = (float(part[0]) for part in robust_scale(values[:, None]))
        scale = max(scale, 1e-3)
        logs[name], shares[name] = _log_density((logit - centre) / scale) - np.log(scale), len(values)
    total = sum(shares.values())
    with np.errstate(invalid="ignore"):
        anyone = np.logaddexp(*(logs[name] + np.log(shares[name] / total) for name in logs))
    own = np.select([recorded == name for name in logs], list(logs.values()), np.nan)
    return np.asarray(np.nan_to_num(anyone - own, nan=0.0), dtype=np.float64)


def _line(x: _Array, y: _Array) -> tuple[float, float]:
    """Return slope and intercept of a robust line, by the slopes of pairs of at most 1000 points."""
    from scipy.stats import theilslopes

    chosen = evenly_chosen(len(x), 1000)
    fit = theilslopes(y[chosen], x[chosen])
    return float(fit.slope), float(fit.intercept)


def _log_density(values: _Array) -> _Array:
    return np.asarray(-(_FREEDOM + 1) / 2 * np.log1p(values**2 / _FREEDOM), dtype=np.float64)
