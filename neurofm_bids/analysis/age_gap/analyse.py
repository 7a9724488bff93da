"""The age gap of the scans of a cohort, and what it is associated with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from neurofm_bids.analysis.age_gap.associations import associations
from neurofm_bids.analysis.age_gap.controls import control_levels, control_participants
from neurofm_bids.analysis.age_gap.correction import corrected_gaps
from neurofm_bids.analysis.age_gap.settings import AgeGapSettings
from neurofm_bids.analysis.design import LEAST_KNOWN
from neurofm_bids.analysis.result import Result
from neurofm_bids.analysis.scans import AGE as CHRONOLOGICAL
from neurofm_bids.analysis.scans import PARTICIPANT, SEX, Scans
from neurofm_bids.analysis.settings import AnalysisSettings
from neurofm_bids.readouts.columns import texts
from neurofm_bids.records.columns import AGE, AGE_GAP, IDENTITY_COLUMNS, KNOWN_AGE

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CORRECTED_GAP", "analyse"]

CORRECTED_GAP = "age_gap_corrected_years"


def analyse(scans: Scans, settings: AnalysisSettings) -> Result | None:
    """Return the tables ``agegap`` and, where columns are named, ``associations``; None without any gap.

    Raises
    ------
    NeuroFMError
        The settings name a control that does not exist.
    """
    table, wanted = scans.table, settings.age_gap
    if AGE not in table or not np.isfinite((table[AGE] - table[CHRONOLOGICAL]).to_numpy(np.float64)).any():
        return None
    gaps, remarks = _gaps(scans, wanted)
    shown = table[list(IDENTITY_COLUMNS)].assign(**{KNOWN_AGE: table[CHRONOLOGICAL], AGE: table[AGE]})
    tables = {"agegap": shown.join(gaps)}
    if wanted.associations:
        outcome = CORRECTED_GAP if CORRECTED_GAP in gaps else AGE_GAP
        always, about_always = _known(table, gaps[AGE_GAP], (SEX, *wanted.quality))
        made = associations(
            table.assign(**{outcome: gaps[outcome]}),
            outcome,
            wanted.associations,
            [*dict.fromkeys([CHRONOLOGICAL, *always, *wanted.adjust])],
            PARTICIPANT,
            wanted.categories,
            control_levels(scans, wanted.controls),
        )
        if len(made.frame):
            tables["associations"] = made.frame
        remarks = (*remarks, *about_always, *made.remarks)
    return Result(tables, remarks)


def _gaps(scans: Scans, settings: AgeGapSettings) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the gaps, corrected where that can be done, and why they are not."""
    table = scans.table
    raw = (table[AGE] - table[CHRONOLOGICAL]).to_frame(AGE_GAP)
    if not settings.controls:
        return raw, ("The age gap is not corrected for its dependence on age: no controls are named.",)
    controls = control_participants(scans, settings.controls)
    try:
        made = corrected_gaps(table, CHRONOLOGICAL, AGE, controls, PARTICIPANT)
    except ValueError as error:
        return raw, (f"The age gap is not corrected for its dependence on age: {error}.",)
    outside = int((made["outside_control_ages"] & np.isfinite(made[AGE_GAP])).sum())
    if not outside:
        return made, ()
    return made, (
        f"Scans at ages that no control has: {outside}. Their corrected gap is extrapolated "
        "(outside_control_ages).",
    )


def _known(
    table: pd.DataFrame, gap: pd.Series, names: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns that are known of enough scans to adjust for them, and a sentence on each other."""
    usable, remarks = [], []
    for name in names:
        cells = np.array([bool(text) for text in texts(table[name])]) if name in table else np.zeros(0, bool)
        share = float(cells[np.isfinite(gap.to_numpy(np.float64))].mean()) if cells.size else 0.0
        if share >= LEAST_KNOWN:
            usable.append(name)
        else:
            remarks.append(
                f"Associations of the age gap are not adjusted for {name}: it is known of {share:.0%} of the "
                f"scans, {LEAST_KNOWN:.0%} are needed."
            )
    return tuple(usable), tuple(remarks)
