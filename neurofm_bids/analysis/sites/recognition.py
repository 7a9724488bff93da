"""Whether the site of a scan can be told from its values, before and after harmonisation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.columns import column_of
from neurofm_bids.analysis.sites.covariates import coded, coding, known_rows, text_column
from neurofm_bids.combat import pooled_sd, site_effect, within_slopes
from neurofm_bids.readouts.folds import stratified_folds

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_SCANS", "Recognition", "left_over", "site_recognition"]

_Values = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.intp]
_FOLDS = 5
_LEAST_PEOPLE = 2 * _FOLDS  # of a site
MOST_SCANS = 4000  # scans of which it is measured
_NORMAL95 = 1.959964


@dataclass(frozen=True)
class Recognition:
    """How well sites are told apart in scans that took no part in the fit.

    Parameters
    ----------
    n, n_sites
        Scans and sites.
    balanced_accuracy
        Mean over the sites of the share of their scans that are recognised.
    interval95
        Of it, by the people.
    chance
        What guessing gives.
    """

    n: int
    n_sites: int
    balanced_accuracy: float
    interval95: tuple[float, float]
    chance: float


def site_recognition(
    table: pd.DataFrame,
    columns: Sequence[str],
    *,
    site: str = "site",
    preserve: Sequence[str] = ("age", "sex"),
    smooth: Collection[str] = (),
    person: str | None = None,
    empirical_bayes: bool = True,
    seed: int = 20261129,
) -> tuple[Recognition, Recognition] | None:
    """Return how well sites are told apart before and after harmonisation, by five-fold cross-validation.

    Values are regressed on covariates within sites, harmonised and classified by linear discriminant analysis
    with the shrinkage of Ledoit and Wolf (2004); all is learned from the scans of the training. All scans of
    a person are in one fold. Scans with a missing value are left out. Of more than 4,000, those of a random
    sample of people are taken, ten of each site first.

    Parameters
    ----------
    table, columns, site, preserve, smooth, person
        As in :func:`~neurofm_bids.analysis.sites.effects.site_effects`; sites of fewer than ten people are
        left out.
    empirical_bayes
        As in :func:`~neurofm_bids.analysis.sites.model.learn_sites`.

    Returns
    -------
    tuple of Recognition, or None
        None if there are fewer than two such sites.
    """
    covariates = coding(table, preserve, smooth)
    values = np.array(table[list(columns)], dtype=np.float64)
    names = text_column(table, site)
    is_used = known_rows(table, covariates) & (names != "") & np.isfinite(values).all(axis=1)
    people = np.arange(len(table)) if person is None else _numbers(column_of(table, person).to_numpy())
    rows = _of_frequent(np.flatnonzero(is_used), names, people)
    if len(rows) > MOST_SCANS:
        rows = _of_frequent(_sample(rows, names, people, seed), names, people)
    if len({*names[rows].tolist()}) < 2:
        return None
    sites, design = _numbers(names[rows]), coded(table.iloc[rows], covariates)
    folds = stratified_folds(_numbers(people[rows]), sites, _FOLDS, seed)
    before, after = np.zeros((2, len(rows)), dtype=bool)
    for fold in range(_FOLDS):
        training, test = folds != fold, folds == fold
        plain, harmonised = left_over(values[rows], design, sites, training, shrink=empirical_bayes)
        before[test] = _classified(plain, sites, training) == sites[test]
        after[test] = _classified(harmonised, sites, training) == sites[test]
    return _recognition(before, sites, people[rows]), _recognition(after, sites, people[rows])


def left_over(
    values: _Values, design: _Values, sites: _Ints, training: npt.NDArray[np.bool_], *, shrink: bool
) -> tuple[_Values, _Values]:
    """Return what covariates leave of values, before and after harmonisation."""
    own, centre = sites[training], design[training].mean(axis=0)
    left = values - (design - centre) @ within_slopes(values[training], design[training] - centre, own)
    known = left[training]
    level, sd = known.mean(axis=0), pooled_sd(known, own)
    made = left.copy()  # of a site without training too
    for number in np.unique(own):
        effect = site_effect(known[own == number], level, sd, shrink=shrink)
        rows = sites == number
        made[rows] = level + (left[rows] - effect.location) / effect.scale
    unit = np.where(sd > 0, sd, 1.0)
    return (left - level) / unit, (made - level) / unit


def _classified(values: _Values, sites: _Ints, training: npt.NDArray[np.bool_]) -> _Ints:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    count = len(np.unique(sites[training]))
    classifier = LinearDiscriminantAnalysis("lsqr", shrinkage="auto", priors=np.full(count, 1 / count))
    return np.asarray(classifier.fit(values[training], sites[training]).predict(values[~training]))


def _recognition(is_right: npt.NDArray[np.bool_], sites: _Ints, people: _Ints) -> Recognition:
    shares = np.array([is_right[sites == site].mean() for site in np.unique(sites)])
    n_people = np.array([len(np.unique(people[sites == site])) for site in np.unique(sites)])
    accuracy, count = float(shares.mean()), len(shares)
    sd = float(np.sqrt((shares * (1 - shares) / n_people).sum())) / count
    low, high = accuracy - _NORMAL95 * sd, accuracy + _NORMAL95 * sd
    return Recognition(len(sites), count, accuracy, (max(0.0, low), min(1.0, high)), 1 / count)


def _of_frequent(rows: _Ints, names: npt.NDArray[np.str_], people: _Ints) -> _Ints:
    """Return the rows of the sites that have enough people."""
    sites = [
        site
        for site in np.unique(names[rows]).tolist()
        if len(np.unique(people[rows[names[rows] == site]])) >= _LEAST_PEOPLE
    ]
    return rows[np.isin(names[rows], sites)]


def _sample(rows: _Ints, names: npt.NDArray[np.str_], people: _Ints, seed: int) -> _Ints:
    """Return all rows of people drawn at random, at most 4,000, of each site first as many as it needs."""
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(np.unique(people[rows]))
    first: list[int] = []
    for site in rng.permutation(np.unique(names[rows])):
        first += drawn[np.isin(drawn, people[rows[names[rows] == site]])][:_LEAST_PEOPLE].tolist()
    order = np.array([*dict.fromkeys([*first, *drawn.tolist()])])
    counts = np.bincount(people[rows])
    return rows[np.isin(people[rows], order[np.cumsum(counts[order]) <= MOST_SCANS])]


def _numbers(values: npt.ArrayLike) -> _Ints:
    return np.asarray(np.unique(values, return_inverse=True)[1], dtype=np.intp)
