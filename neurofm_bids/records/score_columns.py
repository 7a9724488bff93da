"""The mapping of the scores of readouts to the columns of tables, and what those columns mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from neurofm_bids.records import dictionary
from neurofm_bids.records.columns import Row
from neurofm_bids.records.dictionary import Entry
from neurofm_bids.records.score import Score, ScorePart

__all__ = [
    "READOUT_NOTES",
    "SCORE_COLUMNS",
    "SCORE_PARTS",
    "overlapping",
    "score_entries",
    "score_row",
    "score_rows",
]

READOUT_NOTES = "readout_notes"
REFERENCE_PARTS = ("reference_expected", "reference_z", "reference_centile")
SCORE_COLUMNS = (
    "name",
    "domain",
    "quantity",
    "value",
    "lower95",
    "upper95",
    "units",
    "centile",
    "centile_lower95",
    "centile_upper95",
    "distance_percentile",
    *REFERENCE_PARTS,
    READOUT_NOTES,
    "reason",
)
# Of the columns of a readout in a table of scans: what follows its name, and the entry of its meaning.
SCORE_PARTS: Mapping[str, str] = {
    "": "value",
    "lower95": "lower95",
    "upper95": "upper95",
    "class": "class",
    "centile": "centile",
    "centile_lower95": "centile_lower95",
    "centile_upper95": "centile_upper95",
    "distance_percentile": "distance_percentile",
    **{part: part for part in REFERENCE_PARTS},
    "notes": READOUT_NOTES,
}


def score_rows(scores: Iterable[Score]) -> list[tuple[object, ...]]:
    """Return the cells of the table of scores of one scan: each score, then its parts but for its value."""
    rows: list[tuple[object, ...]] = []
    for score in scores:
        whole = ScorePart(score.quantity, score.value, score.interval95)
        rows.append(
            (
                *_cells(score, whole),
                score.centile,
                *(score.centile_interval95 or (None, None)),
                score.distance_percentile,
                *_among_reference(score),
                ";".join(score.notes) or None,
                score.reason or None,
            )
        )
        empty = (None,) * (len(SCORE_COLUMNS) - len(_cells(score, whole)))
        rows += [(*_cells(score, part), *empty) for part in score.parts if part.name != score.quantity]
    return rows


def _among_reference(score: Score) -> tuple[float | None, ...]:
    return score.reference_expected, score.reference_z, score.reference_centile


def _cells(score: Score, part: ScorePart) -> tuple[object, ...]:
    limits = part.interval95 or (None, None)
    units = score.units if part.name == score.quantity else "1"
    return (score.name, score.domain, part.name, part.value, *limits, units)


def score_row(scores: Iterable[Score]) -> Row:
    """Return the cells of the scores of one scan in a table of scans."""
    row: Row = {}
    for score in scores:
        limits, centiles = score.interval95 or (None, None), score.centile_interval95 or (None, None)
        of_class = score.of_class if score.kind == "multiclass" else None
        notes = ";".join(score.notes) or None
        others = (score.distance_percentile, *_among_reference(score), notes)
        cells = (score.value, *limits, of_class, score.centile, *centiles, *others)
        own = dict(zip(SCORE_PARTS, cells, strict=True))
        if score.kind != "multiclass":
            del own["class"]
        row |= {dictionary.readout_column(score.name, part): value for part, value in own.items()}
        row |= {dictionary.readout_column(score.name, part.name): part.value for part in score.parts}
    return row


def score_entries(scores: Iterable[Score]) -> dict[str, Entry]:
    """Return the data dictionary of the columns of :func:`score_row`, for the scores of any scans."""
    columns: dict[str, Entry] = {}
    for score in scores:
        title = score.description or f"Readout {score.name}"
        for part, entry in SCORE_PARTS.items():
            units = score.units if entry in {"value", "lower95", "upper95", "reference_expected"} else ""
            columns[dictionary.readout_column(score.name, part)] = dictionary.readout(title, entry, units)
        for one in score.parts:
            entry_of_part = {**dictionary.readout(title, "value", "1"), "LongName": f"{title}, {one.name}"}
            columns[dictionary.readout_column(score.name, one.name)] = entry_of_part
    return columns


def overlapping(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of names of readouts whose columns in a table of scans would be the same.

    >>> list(overlapping(["raven", "raven_centile", "grip", "Grip"]))
    [('raven', 'raven_centile'), ('grip', 'Grip')]
    """
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            short, long = sorted((one.lower(), other.lower()), key=len)
            if long in {short, *(f"{short}_{part}" for part in SCORE_PARTS if part)}:
                yield one, other
