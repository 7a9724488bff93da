"""Settings of change over sessions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from neurofm_bids.analysis.change.visits import RETEST_WEEKS
from neurofm_bids.records.dictionary import volume_column

__all__ = ["MAIN_VOLUMES", "TIMES", "ChangeSettings", "main_measures"]

MAIN_VOLUMES = (
    "intracranial",
    "brain",
    "cerebral_cortex",
    "cerebral_white_matter",
    "deep_grey_matter",
    "ventricles",
    "left_hippocampus",
    "right_hippocampus",
)
TIMES = ("age", "date")


@dataclass(frozen=True)
class ChangeSettings:
    """What changes, over which time, and with what its change is associated.

    Parameters
    ----------
    measures
        Columns; without any, predictions, scores of readouts and the main volumes (brain, cortex, white
        matter, deep grey matter, ventricles, hippocampi, intracranial space).
    time
        ``age`` or ``date``; empty for what is known of more sessions of a participant, first the date.
    covariates
        Columns that level and change per year depend on in the mixed model, as at the first scan.
    categories
        Columns that are categories although their values are numbers.
    retest_weeks
        Sessions at most so many weeks apart are repeated measurements of an unchanged person, and one visit
        in changes per year and models; with 0, scans within a month are one visit.
    error_sd
        Standard deviation of repeated measurements by measure, in its units, where it is known.
    """

    measures: tuple[str, ...] = ()
    time: str = ""
    covariates: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    retest_weeks: float = RETEST_WEEKS
    error_sd: Mapping[str, float] = field(default_factory=dict)

    @staticmethod
    def broken_rules(values: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
        """Yield key, problem and remedy of each value that is not valid."""
        if values.get("time", "age") not in TIMES:
            yield "time", f"{values['time']!r} is neither age nor date", 'Write "age" or "date".'
        if values.get("retest_weeks", 0.0) < 0:
            yield "retest_weeks", "negative", "Write a number of weeks, 0 for none."
        if any(sd <= 0 for sd in values.get("error_sd", {}).values()):
            yield "error_sd", "a standard deviation is not positive", "Write positive numbers."


def main_measures(measures: Iterable[str]) -> tuple[str, ...]:
    """Return the measures that are analysed if none are named.

    >>> main_measures(["predicted_age_years", "brain_mm3", "left_insula_mm3", "readout_raven"])
    ('predicted_age_years', 'brain_mm3', 'readout_raven')
    """
    main = {volume_column(name) for name in MAIN_VOLUMES}
    return tuple(name for name in measures if name in main or name.startswith(("predicted_", "readout_")))
