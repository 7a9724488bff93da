"""The one mapping of a scan's record to the columns of tables, and what those columns mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from neurofm_bids.records import dictionary
from neurofm_bids.records.centile import Centile
from neurofm_bids.records.dictionary import Entry
from neurofm_bids.records.scan import Identity, ScanRecord

__all__ = [
    "AGE",
    "AGE_GAP",
    "AGE_REMARKS",
    "ATTRIBUTION_COLUMNS",
    "CENTILE_COLUMNS",
    "CENTILE_NOTES",
    "FLAG_COLUMNS",
    "IDENTITY_COLUMNS",
    "KNOWN_AGE",
    "MASK_VOLUME",
    "MORPHOMETRY_COLUMNS",
    "QUALITY_REASONS",
    "QUALITY_STATUS",
    "RECORDED_COLUMNS",
    "Row",
    "centile_entries",
    "centile_row",
    "centile_rows",
    "entries",
    "feature_columns",
    "flag_row",
    "identity_row",
    "morphometry_row",
    "prediction_row",
    "quality_row",
]

Row = dict[str, object]

IDENTITY_COLUMNS = ("participant_id", "session_id", "scan")
AGE, MASK_VOLUME = dictionary.prediction_column("age", "year"), "mask_volume_mm3"
KNOWN_AGE, AGE_GAP, AGE_REMARKS = "chronological_age_years", "age_gap_years", "chronological_age_remarks"
RECORDED_COLUMNS = (KNOWN_AGE, AGE_GAP, AGE_REMARKS, "recorded_sex")
QUALITY_STATUS, QUALITY_REASONS = "quality", "quality_reasons"
FLAG_COLUMNS = (MASK_VOLUME, "n_flags", "n_serious_flags", "flags", QUALITY_STATUS, QUALITY_REASONS)
MORPHOMETRY_COLUMNS = ("region", "volume_mm3", "lower95_mm3", "upper95_mm3", "asymmetry", "confidence")
CENTILE_NOTES = "centile_notes"
CENTILE_COLUMNS = (
    "name",
    "source",
    "mm3",
    "lower95_mm3",
    "upper95_mm3",
    "expected_mm3",
    "value",
    "lower95",
    "upper95",
    "expected",
    "units",
    "z",
    "centile",
    "centile_lower95",
    "centile_upper95",
    CENTILE_NOTES,
)
_CENTILE_PARTS = ("z", "centile", "centile_lower95", "centile_upper95")
_CARD_MARKS = ("unreliable", "shifted")
ATTRIBUTION_COLUMNS = ("target", "region", "share", "sum", "per_ml", "units")
_PARTS = ("", "_sd", "_lower95", "_upper95", "_in_range")


def feature_columns(count: int) -> tuple[str, ...]:
    """Return the columns of features.

    >>> feature_columns(2)
    ('f000', 'f001')
    """
    return tuple(f"f{i:03d}" for i in range(count))


def identity_row(scan: Identity) -> Row:
    """Return the cells that name a scan.

    >>> identity_row(Identity("bids:raw:sub-01/anat/sub-01_T1w.nii", "sub-01", "01"))["scan"]
    'sub-01/anat/sub-01_T1w.nii'
    """
    session = f"ses-{scan.session}" if scan.session else None
    return dict(zip(IDENTITY_COLUMNS, (f"sub-{scan.subject}", session, scan.path), strict=True))


def prediction_row(record: ScanRecord) -> Row:
    """Return the cells of predictions (value, standard deviation, interval, range) and views."""
    row: Row = {}
    for name, prediction in record.predictions.items():
        interval = prediction.interval95 or (None, None)
        cells = (prediction.value, prediction.sd, *interval, prediction.in_range)
        columns = _prediction_columns(name, prediction.units, prediction.of_class)
        row |= zip(columns, cells, strict=True)
    return {**row, "views": record.views}


def morphometry_row(record: ScanRecord) -> Row:
    """Return the cells of volumes, asymmetry and confidence of regions; none without segmentation."""
    anatomy = record.anatomy
    if anatomy is None:
        return {}
    volumes = {dictionary.volume_column(name): volume.mm3 for name, volume in anatomy.volumes.items()}
    asymmetry = {dictionary.asymmetry_column(name): value for name, value in anatomy.asymmetry.items()}
    certain = {dictionary.confidence_column(name): v.confidence for name, v in anatomy.volumes.items()}
    return {**volumes, **asymmetry, **certain}


def centile_rows(items: Iterable[Centile]) -> list[tuple[object, ...]]:
    """Return the cells of the table of centiles of one scan, by :data:`CENTILE_COLUMNS`."""
    return [
        (
            item.name,
            item.source,
            *_values_of(item),
            item.z,
            item.centile,
            *(item.centile_interval95 or (None, None)),
            ";".join(item.notes) or None,
        )
        for item in items
    ]


def _values_of(item: Centile) -> tuple[object, ...]:
    """Return the cells of a value: those of volumes come first, those of other units next."""
    cells = (item.value, *(item.interval95 or (None, None)), item.expected)
    none = (None,) * len(cells)
    return (*cells, *none, None) if item.units == "mm^3" else (*none, *cells, item.units)


def centile_row(items: Sequence[Centile]) -> Row:
    """Return the cells of the centiles of one scan in a table of scans, with the notes that all have."""
    row: Row = {}
    for item in items:
        limits = item.centile_interval95 or (None, None)
        columns = (f"{item.key}_{part}" for part in _CENTILE_PARTS)
        row |= zip(columns, (item.z, item.centile, *limits), strict=True)
    common = [note for note in items[0].notes if all(note in i.notes for i in items)] if items else []
    return {**row, CENTILE_NOTES: ";".join(common) or None} if items else {}


def centile_entries(items: Iterable[Centile]) -> dict[str, Entry]:
    """Return the data dictionary of the columns of :func:`centile_row`, for the items of any scans.

    The columns of a volume that the card of its network marks say so.
    """
    titles: dict[str, str] = {}
    marks: dict[str, dict[str, None]] = {}
    for item in items:
        if item.key not in titles:
            titles[item.key] = f"{dictionary.region_title(item.name)}, {item.source}"
        marks.setdefault(item.key, {}).update((note, None) for note in item.notes if note in _CARD_MARKS)
    meanings = dictionary.centile_columns()
    columns = {
        f"{key}_{part}": _marked(
            meanings[part], title, [meanings[CENTILE_NOTES]["Levels"][m] for m in marks[key]]
        )
        for key, title in titles.items()
        for part in _CENTILE_PARTS
    }
    return {**columns, CENTILE_NOTES: meanings[CENTILE_NOTES]}


def _marked(entry: Entry, title: str, marks: Sequence[str]) -> Entry:
    text = ". ".join((entry["Description"], *(f"Not to be read as a centile: {mark}" for mark in marks)))
    return {**entry, "LongName": f"{title}, {entry['LongName']}", "Description": text}


def quality_row(record: ScanRecord) -> Row:
    """Return the cells of the image quality metrics that no other column holds."""
    row = {dictionary.metric_column(name): value for name, value in record.image_quality.items()}
    return {name: value for name, value in row.items() if name not in {*IDENTITY_COLUMNS, *FLAG_COLUMNS}}


def flag_row(record: ScanRecord) -> Row:
    """Return the cells of the measured mask volume, the flags and the judgement."""
    serious = sum(flag.severity == "serious" for flag in record.flags)
    names = ";".join(flag.name for flag in record.flags) or None
    volume = record.measurements.brain_extraction.volume_mm3
    judged = record.quality.status, " ".join(record.quality.reasons) or None
    return dict(zip(FLAG_COLUMNS, (volume, len(record.flags), serious, names, *judged), strict=True))


def entries(record: ScanRecord) -> dict[str, Entry]:
    """Return the data dictionary of every column that is made from a record."""
    columns = {name: dictionary.column(name) for name in (*IDENTITY_COLUMNS, "views")}
    for name, prediction in record.predictions.items():
        columns |= dictionary.prediction(name, prediction)
    if record.anatomy is not None:
        columns |= dictionary.morphometry(record.anatomy.volumes, record.anatomy.asymmetry)
    columns |= {dictionary.metric_column(name): dictionary.metric(name) for name in record.image_quality}
    return columns | {name: dictionary.column(name) for name in FLAG_COLUMNS}


@cache  # so that the rows of a cohort share their keys
def _prediction_columns(name: str, units: str, of_class: str | None) -> tuple[str, ...]:
    return tuple(f"{dictionary.prediction_column(name, units, of_class)}{part}" for part in _PARTS)
