"""Swaps: scans that are not of the person whose name they have."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from neurofm_bids.analysis.quality.pairs import PairModel, fit_pairs, person_pairs

__all__ = ["best_matches", "find_swaps"]

_Array = npt.NDArray[np.float64]
_Places = npt.NDArray[np.intp]
_NONE = -1
_LEAST_MATCH = np.log(100.0)  # of a likelihood ratio, after the number of scans that were compared
_MOST_MATCHED = 500  # scans whose match is looked for


def find_swaps(
    scores: _Array, people: npt.NDArray[np.intp], recorded: _Array, least_ratio: float = 1000.0
) -> pd.DataFrame:
    """Return the scans that are probably not of the person whose name they have.

    The logarithm of the likelihood ratio of a scan is the smallest of those of its pairs with the other scans
    of the person (two people to one person, :class:`~neurofm_bids.analysis.quality.pairs.PairModel`) plus the
    evidence of its recorded age and sex. A person's only scan, and all scans of a person together, have that
    of recorded age and sex only. Of two scans of a person that do not match, the one whose recorded age
    and sex fit less is named, or the later one.

    Parameters
    ----------
    scores
        Joint components of features and volumes, shape (m, q).
    people
        Number of the participant of each row, shape (m,).
    recorded
        Logarithm of the likelihood ratio of recorded age and sex, shape (m,): see
        :func:`~neurofm_bids.analysis.quality.recorded.recorded_log_ratio`.
    least_ratio
        Likelihood ratio from which a scan is returned. At most one of ``least_ratio`` honest scans reaches
        it, if scans of one person differ as the model of pairs assumes.

    Returns
    -------
    pandas.DataFrame
        ``place``; ``own`` (the scan of the same person that it resembles least, or -1); ``match`` (a scan of
        another participant that is of the same person, or -1); ``pair_ratio``, ``recorded_ratio`` and
        ``ratio``, natural logarithms.
    """
    first, second = person_pairs(people)
    model = fit_pairs(scores[second] - scores[first])
    pair, own = _weakest(len(people), first, second, model.log_ratio(scores[second] - scores[first]))
    of_person = _mean_of_person(people, recorded)
    ratio = np.where(own == _NONE, recorded, np.maximum(pair + recorded, of_person))
    found = pd.DataFrame({"place": np.arange(len(people)), "own": own, "match": _NONE})
    found = found.assign(pair_ratio=pair, recorded_ratio=recorded, ratio=ratio, person=people)
    found = _one_of_each(found[ratio >= np.log(least_ratio)], people)
    return _matched(found, scores, people, model).drop(columns="person").reset_index(drop=True)


def best_matches(
    scores: _Array, people: npt.NDArray[np.intp], places: _Places, model: PairModel
) -> tuple[_Places, _Array]:
    """Return for each place the scan of another participant that is most like it.

    Returns
    -------
    tuple
        Places of the scans, and logarithms of the likelihood ratios of one person to two people, less the
        logarithm of the number of scans that were compared.
    """
    matches, ratios = np.full(len(places), _NONE, dtype=np.intp), np.full(len(places), -np.inf)
    for row, place in enumerate(places):
        ratio = -model.log_ratio(scores - scores[place])
        ratio[people == people[place]] = -np.inf
        matches[row] = ratio.argmax()
        ratios[row] = ratio[matches[row]] - np.log(len(scores))
    return matches, ratios


def _weakest(n: int, first: _Places, second: _Places, ratio: _Array) -> tuple[_Array, _Places]:
    """Return for each scan the smallest ratio of its pairs, and with which scan; 0 and -1 without pairs."""
    own = np.full(n, _NONE, dtype=np.intp)
    weakest = np.full(n, np.inf)
    for mine, theirs in ((first, second), (second, first)):
        np.minimum.at(weakest, mine, ratio)
        is_it = weakest[mine] == ratio
        own[mine[is_it]] = theirs[is_it]
    return np.where(np.isfinite(weakest), weakest, 0.0), own


def _mean_of_person(people: npt.NDArray[np.intp], values: _Array) -> _Array:
    counts = np.bincount(people)
    return np.asarray((np.bincount(people, weights=values) / np.maximum(counts, 1))[people])


def _one_of_each(found: pd.DataFrame, people: npt.NDArray[np.intp]) -> pd.DataFrame:
    """Return one scan of each person with two: that with more evidence, or the later one."""
    ordered = found.sort_values(["ratio", "place"], ascending=False, kind="stable")
    has_two = (np.bincount(people)[people] == 2)[ordered["place"]]
    repeated = ordered["person"].duplicated().to_numpy() & has_two
    return ordered[~repeated]


def _matched(
    found: pd.DataFrame, scores: _Array, people: npt.NDArray[np.intp], model: PairModel
) -> pd.DataFrame:
    """Return the findings with their matches; of two scans of a person, the one that has a match."""
    rows = []
    for row in found.head(_MOST_MATCHED).to_dict("records"):
        places = np.array([row["place"], row["own"]] if row["own"] != _NONE else [row["place"]])
        matches, ratios = best_matches(scores, people, places, model)
        best = int(ratios.argmax()) if ratios[0] < _LEAST_MATCH else 0
        if ratios[best] >= _LEAST_MATCH:
            own = int(places[1 - best]) if len(places) == 2 else _NONE
            row |= {"place": int(places[best]), "own": own, "match": int(matches[best])}
        rows.append(row)
    return pd.DataFrame([*rows, *found.iloc[_MOST_MATCHED:].to_dict("records")], columns=found.columns)
