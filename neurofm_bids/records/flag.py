"""Warnings about one scan."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic.dataclasses import dataclass

from neurofm_bids.records.prediction import Prediction
from neurofm_bids.records.schema import RECORD

__all__ = ["Flag", "disagreement_flag", "impossible_predictions", "range_flag", "suffix_flag"]

_IMPOSSIBLE = "_impossible"


@dataclass(frozen=True, config=RECORD)
class Flag:
    """A warning: name, one sentence, how serious it is, and what a person is to look at."""

    name: str
    message: str
    severity: Literal["warning", "serious"] = "warning"
    look: str = ""


def range_flag(name: str, prediction: Prediction, possible: tuple[float, float]) -> Flag | None:
    """Return the flag of a prediction outside the training range or outside what is possible, or None."""
    low, high = possible
    units = {"year": "years"}.get(prediction.units, prediction.units)
    if not low <= prediction.value <= high:
        message = f"{prediction.long_name} of {round(prediction.value, 1):.10g} {units} is impossible"
        return Flag(f"{name}{_IMPOSSIBLE}", f"{message} (above {high:.10g} or below {low:.10g})", "serious")
    if prediction.in_range:
        return None
    low, high = prediction.range
    message = f"{prediction.long_name} is outside the training range of {low:.10g} to {high:.10g} {units}"
    return Flag(f"{name}_out_of_range", message)


def impossible_predictions(flags: Iterable[Flag]) -> set[str]:
    """Return the names of the predictions that flags call impossible.

    >>> impossible_predictions([Flag("age_impossible", ""), Flag("sex_out_of_range", "")])
    {'age'}
    """
    names = (flag.name for flag in flags if flag.name.endswith(_IMPOSSIBLE))
    return {name.removesuffix(_IMPOSSIBLE) for name in names}


def disagreement_flag(
    name: str, prediction: Prediction, measured_mm3: float, tolerance: tuple[float, float]
) -> Flag | None:
    """Return the flag of a predicted volume that differs from the measured one, or None.

    Parameters
    ----------
    measured_mm3
        From the segmentation.
    tolerance
        What both may differ by: a fraction of the measured volume, plus mm3.
    """
    share, constant = tolerance
    if abs(prediction.value - measured_mm3) <= share * measured_mm3 + constant:
        return None
    predicted, measured = (f"{volume / 1000:.0f} ml" for volume in (prediction.value, measured_mm3))
    message = f"{prediction.long_name} is {predicted}, but the segmentation has {measured}: check both"
    return Flag(f"{name}_disagrees", message)


def suffix_flag(suffix: str) -> Flag | None:
    """Return the flag of an image with another suffix than T1w, or None.

    >>> suffix_flag("UNIT1").name
    'mp2rage_uni'
    """
    if suffix != "UNIT1":
        return None
    message = (
        "This is a UNI image of MP2RAGE (UNIT1), not a T1w image: noise in air can disturb its processing"
    )
    return Flag("mp2rage_uni", message)
