"""The table of scans in the group report as it is without a script: the first scans, the main columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.records.columns import AGE_GAP, AGE_REMARKS, KNOWN_AGE, MASK_VOLUME, QUALITY_STATUS
from neurofm_bids.report.group_columns import GroupTable, labels, preferred, unit_of
from neurofm_bids.report.group_views import Cell, Head, View

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FIRST_SCANS", "main_columns", "scans_view"]

FIRST_SCANS = 100
_IN_RANGE = "_in_range"


def main_columns(predictions: pd.DataFrame) -> list[str]:
    """Return the columns that the table of scans begins with: predictions, ages, quality."""
    predicted = [str(name).removesuffix(_IN_RANGE) for name in predictions if str(name).endswith(_IN_RANGE)]
    known = KNOWN_AGE in predictions and predictions[KNOWN_AGE].notna().any()
    ages = [KNOWN_AGE, AGE_GAP] if known else []
    return [*predicted[:1], *ages, *predicted[1:], MASK_VOLUME, QUALITY_STATUS, "flags"]


def scans_view(tables: Mapping[str, GroupTable], links: Mapping[str, str]) -> View:
    """Return the first scans, those to look at before the others where not all are shown.

    Parameters
    ----------
    links
        Page of a participant relative to the report, by ``participant_id``.
    """
    table = tables["predictions"]
    frame, names = table.frame, labels(tables)
    places = np.arange(len(frame))
    if places.size > FIRST_SCANS:
        places = np.sort(np.argsort(~preferred(tables), kind="stable")[:FIRST_SCANS])
    columns = main_columns(frame)
    cells = [_cells(table, column, places) for column in columns]
    people = frame["participant_id"].iloc[places]
    first = [Cell(names[place], links.get(str(one), "")) for place, one in zip(places, people, strict=True)]
    rows = tuple(zip(first, *cells, strict=True))
    heads = (Head("Scan"), *(_head(table, column) for column in columns))
    return View(heads, rows, len(frame), "predictions")


def _head(table: GroupTable, column: str) -> Head:
    entry = table.columns.get(column, {})
    title, about = str(entry.get("LongName", column)), str(entry.get("Description", ""))
    is_text = column in {QUALITY_STATUS, "flags"}
    return Head(title, unit_of(entry, is_volume=True)[0], about, is_number=not is_text)


def _cells(table: GroupTable, column: str, places: npt.NDArray[np.intp]) -> list[Cell]:
    frame = table.frame
    factor = unit_of(table.columns.get(column, {}), is_volume=True)[1]
    values = frame[column].iloc[places]
    limits = [frame.get(column + end) for end in ("_lower95", "_upper95")]
    within = frame.get(column + _IN_RANGE)
    remarks = frame.get(AGE_REMARKS) if column == KNOWN_AGE else None
    cells = []
    for place, value in zip(places, values, strict=True):
        if isinstance(value, str):
            cells.append(Cell(value.replace(";", "; ").replace("_", " ")))
            continue
        ends = [_scaled(limit.iloc[place], factor) for limit in limits if limit is not None]
        about = f"95% interval over passes: {' to '.join(ends)}" if ends and "n/a" not in ends else ""
        sign = "≥ " if remarks is not None and "lower_bound" in str(remarks.iloc[place]) else ""
        outside = within is not None and str(within.iloc[place]).lower() == "false"
        cells.append(Cell(sign + _scaled(value, factor), about=about, is_outside=outside))
    return cells


def _scaled(value: object, factor: float) -> str:
    import pandas as pd

    if pd.isna(value):
        return "n/a"
    number = float(value) * factor  # type: ignore[arg-type]
    return (
        f"{number:.2f}" if abs(number) < 10 else f"{number:,.1f}" if abs(number) < 1000 else f"{number:,.0f}"
    )
