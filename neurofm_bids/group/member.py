"""What the group level keeps of one scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neurofm_bids.bids.demographics import Person
from neurofm_bids.norms.centiles import centiles
from neurofm_bids.norms.observed import observation
from neurofm_bids.norms.reference import PUBLISHED, Reference
from neurofm_bids.records.cohort import Member
from neurofm_bids.records.columns import (
    RECORDED_COLUMNS,
    flag_row,
    morphometry_row,
    prediction_row,
    quality_row,
)
from neurofm_bids.records.dictionary import prediction_column
from neurofm_bids.records.flag import impossible_predictions
from neurofm_bids.records.prediction import Prediction
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.storage.text import printable, some_of

__all__ = ["impossible_values", "make_member", "prediction_columns"]


def make_member(record: ScanRecord, person: Person, reference: Reference = PUBLISHED) -> Member:
    """Return what is kept of a scan and of its participant, with centiles among the people of a reference."""
    age, known = record.predictions.get("age"), person.age_years
    impossible = impossible_predictions(record.flags) & record.predictions.keys()
    can_compare = "age" not in impossible and "lower_bound" not in person.remarks
    gap = age.value - known if can_compare and age is not None and known is not None else None
    recorded = dict(
        zip(RECORDED_COLUMNS, (known, gap, ";".join(person.remarks) or None, person.sex), strict=True)
    )
    outside = {name: p for name, p in record.predictions.items() if not p.in_range}
    return Member(
        scan=record.scan,
        predictions={**prediction_row(record), **recorded},
        morphometry=morphometry_row(record),
        quality=quality_row(record),
        flag_cells=flag_row(record),
        acquisition=record.acquisition,
        flags=record.flags,
        out_of_range=prediction_columns(outside),
        impossible=prediction_columns({name: p for name, p in outside.items() if name in impossible}),
        centiles=centiles(record, person, reference),
        observation=observation(record, person),
    )


def prediction_columns(predictions: Mapping[str, Prediction]) -> tuple[str, ...]:
    """Return the columns of the values of predictions."""
    return tuple(prediction_column(name, p.units, p.of_class) for name, p in predictions.items())


def impossible_values(members: Sequence[Member]) -> str:
    """Return a sentence on the scans with predictions that are impossible; empty if there are none."""
    stems = sorted(member.scan.stem for member in members if member.impossible)
    if not stems:
        return ""
    return (
        f"Scans with impossible predictions: {len(stems)} ({some_of(stems, printable)}). These values are in "
        "the tables, flagged, and left out of age gaps and statistics: look at the reports of these scans."
    )
