"""Swaps: scans that are not of the person whose name they have."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from neurofm_bids.analysis.quality.pairs import PairModel, fit_pairs, person_pairs

__all__ = ["best_match", "find_swaps", "may_be_exchanged"]

_Array = npt.NDArray[np.float64]
_Places = npt.NDArray[np.intp]
_NONE = -1
_CANDIDATES = np.log(1e-4)  # the likelihood ratio from which another person is looked for
_MOST_MATCHED = 500  # scans for which one is looked for, the most improbable ones
_LEAST_MATCH = np.log(100.0)  # likelihood ratio from which a match is named


def find_swaps(
    scores: _Array, people: npt.NDArray[np.intp], recorded: _Array, least_ratio: float = 1000.0
) -> pd.DataFrame:
    """Return the scans that are probably not of the person whose name they have.

    Three logarithms of likelihood ratios are added for a scan: the smallest of its pairs with the other scans
    of the person (two people to one person: :class:`~neurofm_bids.analysis.quality.pairs.PairModel`); where
    there is one that it resembles more, that of a scan of another participant (one person to two people, less
    the logarithm of the number of scans, among which it is the best); and that of recorded age and sex. A
    person's only scan, and all scans of a person together, have the last only. Of two scans of a person
    that do not match, the one with more evidence is named, or the later one.

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
        another participant that is of the same person, or -1); ``pair_ratio``, ``match_ratio``,
        ``recorded_ratio`` and ``ratio``, natural logarithms.
    """
    first, second = person_pairs(people)
    model = fit_pairs(scores[second] - scores[first])
    pair, own = _weakest(len(people), first, second, model.log_ratio(scores[second] - scores[first]))
    match, match_ratio = _matches(scores, people, np.where(own == _NONE, -np.inf, pair), model)
    of_person = _mean_of_person(people, recorded)
    ratio = np.where(own == _NONE, recorded, np.maximum(pair + match_ratio + recorded, of_person))
    found = pd.DataFrame({"place": np.arange(len(people)), "own": own, "match": match})
    found = found.assign(pair_ratio=pair, match_ratio=match_ratio, recorded_ratio=recorded, ratio=ratio)
    return _one_of_each(found[ratio >= np.log(least_ratio)], people)


def best_match(
    turned: _Array, people: npt.NDArray[np.intp], place: int, model: PairModel
) -> tuple[int, float]:
    """Return the scan of another participant that is most like a scan.

    Parameters
    ----------
    turned
        Scores along the axes of the model, shape (m, q).

    Returns
    -------
    tuple
        Its place, and the logarithm of the likelihood ratio of one person to two people, less that of the
        number of scans.
    """
    ratio = -model.log_ratio_of_turned(turned - turned[place])
    ratio[people == people[place]] = -np.inf
    best = int(ratio.argmax())
    return best, float(ratio[best] - np.log(len(turned)))


def may_be_exchanged(
    scores: _Array, people: npt.NDArray[np.intp], first: _Places, other: _Places
) -> npt.NDArray[np.bool_]:
    """Tell which scans of two participants are each farther from another scan of their own participant.

    Parameters
    ----------
    scores, people
        As those of :func:`find_swaps`.
    first, other
        Rows of the two scans of each of k pairs, shape (k,).

    Returns
    -------
    numpy.ndarray
        Shape (k,); False for a pair in which someone has no other scan.
    """
    mine, theirs = person_pairs(people)
    own = np.linalg.norm(scores[theirs] - scores[mine], axis=1)
    farthest = np.zeros(len(people))
    for place in (mine, theirs):
        np.maximum.at(farthest, place, own)
    apart = np.linalg.norm(scores[other] - scores[first], axis=1)
    return np.asarray(np.minimum(farthest[first], farthest[other]) > apart)


def _matches(
    scores: _Array, people: npt.NDArray[np.intp], pair: _Array, model: PairModel
) -> tuple[_Places, _Array]:
    """Return the match of each scan that may not be of its person, or -1, and its logarithm or 0."""
    match, ratio = np.full(len(people), _NONE, dtype=np.intp), np.zeros(len(people))
    turned = scores @ model.axes
    worst = np.argsort(-pair, kind="stable")[:_MOST_MATCHED]
    for place in worst[pair[worst] >= _CANDIDATES].tolist():
        best, evidence = best_match(turned, people, place, model)
        ratio[place] = max(evidence, 0.0)
        match[place] = best if evidence >= _LEAST_MATCH else _NONE
    return match, ratio


def _weakest(n: int, first: _Places, second: _Places, ratio: _Array) -> tuple[_Array, _Places]:
    """Return for each scan the smallest ratio of its pairs, and with which scan; 0 and -1 without pairs."""
    own = np.full(n, _NONE, dtype=np.intp)
    weakest = np.full(n, np.inf)
    for mine in (first, second):
        np.minimum.at(weakest, mine, ratio)
    for mine, theirs in ((first, second), (second, first)):
        is_it = weakest[mine] == ratio
        own[mine[is_it]] = theirs[is_it]
    return np.where(np.isfinite(weakest), weakest, 0.0), own


def _mean_of_person(people: npt.NDArray[np.intp], values: _Array) -> _Array:
    counts = np.bincount(people)
    return np.asarray((np.bincount(people, weights=values) / np.maximum(counts, 1))[people])


def _one_of_each(found: pd.DataFrame, people: npt.NDArray[np.intp]) -> pd.DataFrame:
    """Return one scan of each person with two: that with more evidence, or the later one; the worst first."""
    ordered = found.sort_values(["ratio", "place"], ascending=False, kind="stable")
    person = people[ordered["place"]]
    repeated = pd.Series(person).duplicated().to_numpy() & (np.bincount(people)[person] == 2)
    return ordered[~repeated].reset_index(drop=True)
