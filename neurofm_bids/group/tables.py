"""The columns and rows of the group tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from neurofm_bids import __version__
from neurofm_bids.group.cohort import Cohort
from neurofm_bids.group.records import Row
from neurofm_bids.records import dictionary
from neurofm_bids.storage import tables as cells

__all__ = ["Table", "cell", "make_tables", "quality_names"]

_IDENTITY = ("participant_id", "session_id", "scan")
_FLAGS = ("mask_volume_mm3", "n_flags", "n_serious_flags", "flags")


@dataclass(frozen=True)
class Table:
    """A table and the meaning of its columns.

    Parameters
    ----------
    columns
        Column names in order, each with its dictionary entry.
    rows
        Cells as values: text, numbers, booleans or None.
    about
        What goes into the sidecar beside the columns.
    digits
        Significant digits of numbers.
    """

    columns: Mapping[str, dictionary.Entry]
    rows: Sequence[Sequence[object]]
    about: Mapping[str, object]
    digits: int = 10

    def text(self) -> str:
        """Return the table as TSV."""
        lines = [
            "\t".join(self.columns),
            *("\t".join(cell(v, self.digits) for v in row) for row in self.rows),
        ]
        return "\n".join(lines) + "\n"


def cell(value: object, digits: int = 10) -> str:
    r"""Return one cell of a TSV file.

    Text is made one line and no formula, see :func:`neurofm_bids.storage.tables.cell`.

    >>> [cell(v) for v in (None, True, 1180321.0, 0.1, "=1+1", "a\tb")]
    ['n/a', 'true', '1180321', '0.1', "'=1+1", 'a b']
    """
    if value is None:
        return "n/a"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:.{digits}g}"
    return cells.cell(str(value))


def make_tables(cohort: Cohort) -> dict[str, Table]:
    """Return the tables of a cohort by the name of their file.

    All have one row per scan, in the same order, but for the phenotype table: BIDS allows one row per
    participant there, so it holds each participant's first scan and says how many there are.
    """
    prefix = f"group_desc-{cohort.label}"
    predictions = _predictions(cohort)
    return {
        f"{prefix}_features.tsv": _features(cohort),
        f"{prefix}_predictions.tsv": predictions,
        f"{prefix}_quality.tsv": _quality(cohort),
        "phenotype/neurofm.tsv": _phenotype(cohort, predictions),
    }


def _identity(row: Row) -> list[object]:
    return [f"sub-{row.subject}", f"ses-{row.session}" if row.session else None, row.scan]


def _fixed(names: Iterable[str]) -> dict[str, dictionary.Entry]:
    return {name: dictionary.column(name) for name in names}


def _about(cohort: Cohort, description: str) -> dict[str, object]:
    model = cohort.common.model
    weights = sorted({row.weights_sha256 for row in cohort.rows})
    return {
        "Description": description,
        "NeuroFM": {
            "Version": __version__,
            "Model": model.get("Name", cohort.label),
            "License": model.get("License", "unknown"),
            "Notice": model.get("Notice", ""),
            "WeightsSHA256": weights[0] if len(weights) == 1 else weights,
        },
    }


def _features(cohort: Cohort) -> Table:
    names = [f"f{i:03d}" for i in range(cohort.features.shape[1])]
    rows = [
        [*_identity(row), *values] for row, values in zip(cohort.rows, cohort.features.tolist(), strict=True)
    ]
    columns = {**_fixed(_IDENTITY), **dictionary.features(names)}
    about = _about(cohort, "Features of every scan, one row per scan")
    return Table(columns, rows, about, digits=9)  # nine tell any two float32 apart


def _predictions(cohort: Cohort) -> Table:
    recorded = cohort.common.targets
    names = dictionary.target_names(recorded)
    columns = _fixed(_IDENTITY)
    for name in names:
        columns |= dictionary.target(name, recorded[name])
    columns |= _fixed(("chronological_age_years", "age_gap_years", "recorded_sex", "views", *_FLAGS))
    rows = []
    for row in cohort.rows:
        known = [row.age_years, row.age_gap_years, row.sex, row.views]
        rows.append([*_identity(row), *_predicted(row, names), *known, *_flagged(row)])
    return Table(columns, rows, _about(cohort, "Predictions of every scan, one row per scan"))


def _predicted(row: Row, names: Iterable[str]) -> list[object]:
    cells: list[object] = []
    for name in names:
        p = row.predictions.get(name)
        cells += [p.value, p.sd, p.lower95, p.upper95, p.in_range] if p else [None] * 5
    return cells


def _flagged(row: Row) -> list[object]:
    names = ";".join(flag.name for flag in row.flags)
    serious = sum(flag.severity == "serious" for flag in row.flags)
    return [row.measured.get("mask_volume_mm3"), len(row.flags), serious, names or None]


def quality_names(cohort: Cohort) -> list[str]:
    """Return the quality measures that any scan has, in the order of the dictionary."""
    names = dictionary.quality_names(sorted({name for row in cohort.rows for name in row.quality}))
    return [name for name in names if name not in {*_IDENTITY, *_FLAGS}]


def _quality(cohort: Cohort) -> Table:
    names = quality_names(cohort)
    columns = {**_fixed(_IDENTITY), **dict(map(dictionary.quality, names)), **_fixed(_FLAGS)}
    rows = [
        [*_identity(row), *(row.quality.get(name) for name in names), *_flagged(row)] for row in cohort.rows
    ]
    return Table(columns, rows, _about(cohort, "Quality measures and flags of every scan, one row per scan"))


def _phenotype(cohort: Cohort, predictions: Table) -> Table:
    counts: dict[object, int] = {}
    first: dict[object, Sequence[object]] = {}
    for row in predictions.rows:
        counts[row[0]] = counts.get(row[0], 0) + 1
        first.setdefault(row[0], row)
    place = len(_IDENTITY)
    rows = [[*row[:place], counts[row[0]], *row[place:]] for row in first.values()]
    items = list(predictions.columns.items())
    columns = dict([*items[:place], ("n_scans", dictionary.column("n_scans")), *items[place:]])
    about = _about(
        cohort, "Predictions of NeuroFM, one row per participant: the first scan by session and name"
    )
    tool = {"Description": f"NeuroFM-BIDS, model {cohort.common.model.get('Name', cohort.label)}"}
    return Table(columns, rows, {**about, "MeasurementToolMetadata": tool, "Derivative": True})
