"""Comparison of all scans of a cohort with one another: duplicates and swaps, by rows of the table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from neurofm_bids.analysis.quality.duplicates import exact_duplicates, resaved_duplicates, same_brains
from neurofm_bids.analysis.quality.fingerprint import LEAST_SCANS, Fingerprints, fingerprints
from neurofm_bids.analysis.quality.recorded import recorded_log_ratio, recorded_sexes_that_differ
from neurofm_bids.analysis.quality.swaps import find_swaps, may_be_exchanged

__all__ = ["Brains", "Comparison", "compare"]

_NONE = -1


@dataclass(frozen=True)
class Brains:
    """What n scans are compared by.

    ``people`` (n,) numbers the participants; ``features`` (n, d), ``volumes`` (n, v) in mm3 and ``metrics``
    (n, w) may have NaN, but for the features; ``age``, ``predicted_age`` (years), ``male`` (probability) are
    NaN and ``sex`` is None where nothing is known; ``included`` tells which scans statistics use.
    """

    people: npt.NDArray[np.intp]
    features: npt.NDArray[np.floating]
    volumes: npt.NDArray[np.float64]
    metrics: npt.NDArray[np.float64]
    age: npt.NDArray[np.float64]
    sex: npt.NDArray[np.object_]
    predicted_age: npt.NDArray[np.float64]
    male: npt.NDArray[np.float64]
    included: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Comparison:
    """Findings; all places are rows of the table, -1 stands for none.

    ``duplicates`` has ``first``, ``other``, ``share`` of the numbers that agree (1: exact); ``same`` what
    :func:`~neurofm_bids.analysis.quality.duplicates.same_brains` returns, but for two people whose duplicate
    or swap is listed, and what :func:`~neurofm_bids.analysis.quality.swaps.may_be_exchanged` returns;
    ``swaps`` what
    :func:`~neurofm_bids.analysis.quality.swaps.find_swaps` returns, with the scores of recorded age and sex;
    ``sexes`` what :func:`~neurofm_bids.analysis.quality.recorded.recorded_sexes_that_differ` returns.
    """

    duplicates: pd.DataFrame
    same: pd.DataFrame
    swaps: pd.DataFrame
    sexes: pd.DataFrame
    remarks: tuple[str, ...] = ()


def compare(brains: Brains, least_ratio: float = 1000.0) -> Comparison:
    """Look for duplicates and swaps.

    Exact duplicates are looked for in all scans, everything else in those that statistics use and that have
    all volumes that most scans have.

    Parameters
    ----------
    brains
        The scans.
    least_ratio
        Likelihood ratio from which a swap is listed.
    """
    exact = exact_duplicates(brains.features).assign(share=1.0)
    sexes = recorded_sexes_that_differ(brains.people, brains.sex)
    prints = fingerprints(brains.features, brains.volumes, brains.metrics, brains.included)
    if prints is None:
        remark = f"Resaved duplicates and swaps were not looked for: fewer than {LEAST_SCANS} scans."
        return Comparison(exact, _empty("first", "other"), _empty("place", "own", "match"), sexes, (remark,))
    people = brains.people[prints.places]
    pairs = pd.concat([exact, _placed(resaved_duplicates(prints, people), prints, "first", "other")])
    pairs = pairs.drop_duplicates(["first", "other"], ignore_index=True)
    swaps = _swaps(brains, prints, least_ratio)
    known = [pairs[["first", "other"]], swaps.loc[swaps["match"] != _NONE, ["place", "match"]]]
    explained = np.concatenate([_people_of(frame, brains.people) for frame in known])
    same = same_brains(prints, people)
    both = (same[name].to_numpy(dtype=np.intp) for name in ("first", "other"))
    same = same.assign(may_be_exchanged=may_be_exchanged(prints.scores, people, *both))
    same = _placed(same, prints, "first", "other")
    same = same[~np.isin(_people_of(same[["first", "other"]], brains.people), explained)]
    return Comparison(pairs, same.reset_index(drop=True), swaps, sexes, _left_out(brains, prints))


def _people_of(pairs: pd.DataFrame, people: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return one number for the two people of each pair of places, whatever their order."""
    both = np.sort(people[pairs.to_numpy(dtype=np.intp)], axis=1)
    return np.asarray(both[:, 0] * (people.max() + 1) + both[:, 1], dtype=np.intp)


def _swaps(brains: Brains, prints: Fingerprints, least_ratio: float) -> pd.DataFrame:
    places = prints.places
    predicted = (brains.predicted_age[places], brains.male[places])
    recorded = recorded_log_ratio(brains.age[places], brains.sex[places], *predicted)
    log_ratio = recorded["log_ratio"].to_numpy()
    found = find_swaps(prints.scores, brains.people[places], log_ratio, least_ratio)
    scores = recorded.loc[found["place"], ["age_score", "sex_score"]].reset_index(drop=True)
    return _placed(found.join(scores), prints, "place", "own", "match")


def _placed(found: pd.DataFrame, prints: Fingerprints, *columns: str) -> pd.DataFrame:
    """Return findings whose rows of fingerprints are replaced by those of the table."""
    of_table = np.append(prints.places, _NONE)  # the place -1 stays
    return found.assign(**{name: of_table[found[name].to_numpy(dtype=np.intp)] for name in columns})


def _left_out(brains: Brains, prints: Fingerprints) -> tuple[str, ...]:
    n = int(brains.included.sum()) - len(prints.places)
    what = "of resaved duplicates and swaps"
    return (f"{n} scans took no part in the search {what}: they lack volumes of regions.",) if n else ()


def _empty(*columns: str) -> pd.DataFrame:
    return pd.DataFrame({name: np.zeros(0, np.intp) for name in columns})
