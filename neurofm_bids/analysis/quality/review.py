"""The list of what to look at: one row per finding, with what was expected and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from neurofm_bids.analysis.quality.comparison import Comparison
from neurofm_bids.analysis.scans import AGE, PARTICIPANT, SCAN, SESSION, SEX

__all__ = ["COLUMNS", "HEAD_SIZES", "MALE", "PREDICTED_AGE", "review_table"]

COLUMNS = (
    *(PARTICIPANT, SESSION, SCAN, "kind", "other_scan", "measure", "value", "expected", "score"),
    *("reason", "action"),
)
KINDS = ("duplicate", "swap", "possible_duplicate", "outlier", "drift")  # worst first
PREDICTED_AGE, MALE = "predicted_age_years", "predicted_male_probability"
HEAD_SIZES = ("intracranial_mm3", "mask_volume_mm3", "predicted_brain_volume_mm3")  # the first known one
_TINY, _CERTAIN = 1e-300, 300.0  # a probability, and minus its common logarithm

Row = dict[str, Any]


def review_table(
    table: pd.DataFrame, compared: Comparison, outliers: pd.DataFrame, drift: pd.DataFrame
) -> pd.DataFrame:
    """Return the findings, by kind and the strength of the evidence, the worst first.

    Parameters
    ----------
    table
        Of the scans, with participant, session, scan, age and sex, and predictions and head size where known.
    compared, outliers, drift
        What :func:`~neurofm_bids.analysis.quality.comparison.compare`,
        :func:`~neurofm_bids.analysis.quality.outliers.find_outliers` and
        :func:`~neurofm_bids.analysis.quality.drift.find_drift` return.
    """
    rows = [
        *_duplicates(table, compared.duplicates),
        *_same_brains(table, compared.same),
        *_swaps(table, compared.swaps),
        *_sexes(table, compared),
        *_outliers(outliers),
        *_drift(drift),
    ]
    rows.sort(key=lambda row: (KINDS.index(row["kind"]), -row["score"], row.get("place", -1)))
    frame = pd.DataFrame(rows, columns=["place", "other", *COLUMNS[3:]])
    place, other = (frame[name].fillna(-1).to_numpy(dtype=int) for name in ("place", "other"))
    for name in (PARTICIPANT, SESSION, SCAN):
        frame[name] = _cells(table[name], place)
    frame["other_scan"] = _cells(table[SCAN], other)
    return frame[list(COLUMNS)]


def _cells(values: pd.Series, places: npt.NDArray[np.intp]) -> list[object]:
    """Return the cells of places, None for -1."""
    cells = values.tolist()
    return [None if place == -1 else cells[place] for place in places.tolist()]


def _duplicates(table: pd.DataFrame, pairs: pd.DataFrame) -> Iterator[Row]:
    for first, other, share in pairs[["first", "other", "share"]].itertuples(index=False):
        if share == 1.0:
            why = f"All features are equal to those of {_name(table, first)}"
        else:
            why = f"{share:.0%} of features, volumes and image quality metrics differ from those of "
            why += f"{_name(table, first)} by less than a tenth of what is typical of two scans of one person"
        yield {
            **{"kind": "duplicate", "place": other, "other": first, "measure": "features"},
            **{"value": share, "expected": 0.0, "score": share, "reason": f"{why}: it is the same image."},
            "action": "Find out whose image it is, replace or exclude the other, and process it again.",
        }


def _same_brains(table: pd.DataFrame, pairs: pd.DataFrame) -> Iterator[Row]:
    for pair in pairs.to_dict("records"):
        why = (
            f"The brain is {pair['distance']:.2g} from that of {_name(table, pair['first'])}, where the "
            f"nearest scan of another participant is at {pair['typical']:.2g} (robust sd): in a cohort of "
            f"this size, {pair['chance']:.1g} such pairs of two people are expected"
        )
        action = "Compare the images: a resampled copy, one person with two names, or identical twins."
        if pair["may_be_exchanged"]:
            why += ". Both differ more from another scan of their own participant"
            action = "Check first whether sessions of the two participants were exchanged. " + action
        yield {
            **{"kind": "possible_duplicate", "place": pair["other"], "other": pair["first"]},
            **{"measure": "features", "value": pair["distance"], "expected": pair["typical"]},
            **{"score": -np.log10(max(pair["chance"], _TINY)), "reason": f"{why}."},
            "action": action,
        }


def _swaps(table: pd.DataFrame, swaps: pd.DataFrame) -> Iterator[Row]:
    for found in swaps.to_dict("records"):
        place, own, match = (int(found[name]) for name in ("place", "own", "match"))
        of_pair = own != -1 and found["pair_ratio"] > 0
        measure, value, expected = _head_size(table, place, own) if of_pair else _recorded(table, found)
        parts = [_of_sessions(table, measure, value, expected, found, own)] if of_pair else []
        parts += [_of_record(table, found)] if found["recorded_ratio"] > np.log(2) else []
        parts += [f"It resembles {_name(table, match)}, another participant"] if match != -1 else []
        action = "Check the name of the image against the records of the scanner"
        action += f", first for an exchange with {_name(table, match)}." if match != -1 else "."
        yield {
            **{"kind": "swap", "place": place, "other": match if match != -1 else own, "measure": measure},
            **{"value": value, "expected": expected, "score": found["ratio"] / np.log(10)},
            **{"reason": ". ".join(parts) + ".", "action": action},
        }


def _of_sessions(
    table: pd.DataFrame, measure: str | None, value: float, expected: float, found: Row, own: int
) -> str:
    why = (
        f"Features and volumes do not match {_name(table, own)} of the same participant (likelihood ratio "
        f"{_power(found['pair_ratio'])} for two people)"
    )
    if measure is None:
        return why
    return f"{why}; {measure} is {value:.6g} here and {expected:.6g} there ({value / expected - 1:+.1%})"


def _of_record(table: pd.DataFrame, found: Row) -> str:
    place = int(found["place"])
    parts = []
    if found["sex_score"] > 0:
        parts.append(f"recorded sex {table[SEX].iloc[place]}, predicted male {table[MALE].iloc[place]:.3f}")
    if found["age_score"] > 0:
        parts.append(
            f"recorded age {table[AGE].iloc[place]:.1f}, predicted {table[PREDICTED_AGE].iloc[place]:.1f}"
        )
    ratio = _power(found["recorded_ratio"])
    return f"Recorded and predicted values disagree ({'; '.join(parts)}; likelihood ratio {ratio})"


def _recorded(table: pd.DataFrame, found: Row) -> tuple[str, float, float]:
    """Return what contradicts the records most: measure, predicted value, recorded value."""
    place = int(found["place"])
    if found["sex_score"] >= found["age_score"]:
        return MALE, float(table[MALE].iloc[place]), float(table[SEX].iloc[place] == "M")
    return PREDICTED_AGE, float(table[PREDICTED_AGE].iloc[place]), float(table[AGE].iloc[place])


def _head_size(table: pd.DataFrame, place: int, own: int) -> tuple[str | None, float, float]:
    for name in HEAD_SIZES:
        if name in table:
            value, expected = (float(table[name].iloc[row]) for row in (place, own))
            if np.isfinite(value) and np.isfinite(expected):
                return name, value, expected
    return None, np.nan, np.nan


def _sexes(table: pd.DataFrame, compared: Comparison) -> Iterator[Row]:
    for first, place in compared.sexes[["first", "other"]].itertuples(index=False):
        sexes = [str(table[SEX].iloc[row]) for row in (place, first)]
        yield {
            **{"kind": "swap", "place": place, "other": first, "measure": SEX, "score": _CERTAIN},
            **{"value": float(sexes[0] == "M"), "expected": float(sexes[1] == "M")},
            "reason": f"Recorded sex is {sexes[0]} for this scan and {sexes[1]} for {_name(table, first)}.",
            "action": "Correct the tables of the dataset, or find out which scan is of another person.",
        }


def _outliers(outliers: pd.DataFrame) -> Iterator[Row]:
    found = outliers[outliers["is_outlier"].fillna(False).astype(bool)]
    for place, distance, p in found[["outlier_distance", "outlier_p"]].itertuples():
        why = f"Features are {distance:.3g} times as far from those of the cohort as those of the median scan"
        yield {
            **{"kind": "outlier", "place": place, "measure": "outlier_distance", "value": distance},
            **{"expected": 1.0, "score": -np.log10(max(p, _TINY)), "reason": f"{why} (p = {p:.2g})."},
            "action": "Look at the report: artefact, failed step, unusual anatomy or another protocol.",
        }


def _drift(drift: pd.DataFrame) -> Iterator[Row]:
    """Yield one row per group and test: its measure with the largest effect, and how many others."""
    found = drift[drift["is_drift"].astype(bool)]
    for (by, group, test), part in found.groupby(["by", "group", "test"], sort=True):
        worst = part.loc[part["effect_size"].astype(float).abs().idxmax()]
        what = {
            "shift": f"differs from the other groups of {by} by {worst['value']:.4g}",
            "trend": f"changes by {worst['value']:.4g} per year of acquisition",
            "step": f"changes by {worst['value']:.4g} at {worst['change_date']}",
        }[test]
        why = (
            f"{group}: {worst['measure']} {what} ({worst['effect_size']:+.2f} robust sd, n = {worst['n']}, "
            f"p = {worst['p_holm']:.2g} after Holm); {len(part)} measures differ"
        )
        yield {
            **{"kind": "drift", "measure": worst["measure"], "value": worst["value"], "expected": 0.0},
            **{"score": -np.log10(max(float(worst["p_holm"]), _TINY)), "reason": f"{why}."},
            "action": "Compare protocol, software and coil with the other scans; adjust for the group.",
        }


def _name(table: pd.DataFrame, place: int) -> str:
    return str(table[SCAN].iloc[int(place)])


def _power(log_ratio: float) -> str:
    """Return a likelihood ratio, given its natural logarithm, as people read it."""
    tens = log_ratio / np.log(10)
    return f"{10**tens:.0f}" if tens < 4 else f"10^{tens:.0f}"
