"""What the group level keeps of one scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from neurofm_bids.bids.demographics import Person
from neurofm_bids.norms.centiles import centiles
from neurofm_bids.norms.observed import observation
from neurofm_bids.norms.reference import PUBLISHED, Reference
from neurofm_bids.records.cohort import Member
from neurofm_bids.records.columns import (
    MASK_VOLUME,
    RECORDED_COLUMNS,
    flag_row,
    morphometry_row,
    prediction_row,
    quality_row,
)
from neurofm_bids.records.dictionary import prediction_column
from neurofm_bids.records.flag import impossible_predictions
from neurofm_bids.records.packed import pack
from neurofm_bids.records.packed_centiles import pack_centiles
from neurofm_bids.records.prediction import Prediction
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.storage.text import printable, some_of

__all__ = ["left_out_scans", "make_member", "prediction_columns"]


def make_member(
    record: ScanRecord, person: Person, reference: Reference = PUBLISHED, *, include_failed: bool = False
) -> Member:
    """Return what is kept of a scan and of its participant, with centiles among the people of a reference.

    Impossible predictions are left out of statistics and, unless ``include_failed``, all predictions, the
    mask volume and the features of a scan whose quality is judged as fail.
    """
    age, known = record.predictions.get("age"), person.age_years
    fails = record.quality.status == "fail" and not include_failed
    without = record.predictions.keys() if fails else impossible_predictions(record.flags)
    can_compare = "age" not in without and "lower_bound" not in person.remarks
    gap = age.value - known if can_compare and age is not None and known is not None else None
    recorded = dict(
        zip(RECORDED_COLUMNS, (known, gap, ";".join(person.remarks) or None, person.sex), strict=True)
    )
    outside = {name: p for name, p in record.predictions.items() if not p.in_range}
    return Member(
        scan=record.scan,
        predictions=pack({**prediction_row(record), **recorded}),
        morphometry=pack(morphometry_row(record)),
        quality=pack(quality_row(record)),
        flag_cells=pack(flag_row(record)),
        acquisition=record.acquisition,
        flags=record.flags,
        out_of_range=prediction_columns(outside),
        left_out=_left_out(record, without, fails=fails),
        is_included=not fails,
        centiles=pack_centiles(centiles(record, person, reference)),
        observation=observation(record, person),
    )


def _left_out(record: ScanRecord, without: Set[str], *, fails: bool) -> tuple[str, ...]:
    columns = prediction_columns({name: p for name, p in record.predictions.items() if name in without})
    return (*columns, MASK_VOLUME) if fails else columns


def prediction_columns(predictions: Mapping[str, Prediction]) -> tuple[str, ...]:
    """Return the columns of the values of predictions."""
    return tuple(prediction_column(name, p.units, p.of_class) for name, p in predictions.items())


def left_out_scans(members: Sequence[Member]) -> tuple[str, ...]:
    """Return sentences on the scans that failed, and on those of which impossible values are left out."""
    failed = sorted(member.scan.stem for member in members if not member.is_included)
    others = sorted(member.scan.stem for member in members if member.is_included and member.left_out)
    sentences = (
        f"Scans whose quality is judged as fail: {len(failed)} ({some_of(failed, printable)}). Their values "
        "are in the tables, marked, and left out of age gaps and statistics (--include-failed includes "
        "them): look at the reports of these scans.",
        f"Scans with impossible predictions: {len(others)} ({some_of(others, printable)}). These values are "
        "in the tables, flagged, and left out of age gaps and statistics: look at the reports of these "
        "scans.",
    )
    return tuple(text for text, stems in zip(sentences, (failed, others), strict=True) if stems)
