"""Scores of readouts for the rows of tables, such as those that the group level writes."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from neurofm_bids.bids.derivatives import image_sidecar
from neurofm_bids.bids.problems import option_problem
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.readouts.apply import Measured, score
from neurofm_bids.readouts.columns import as_number, is_latent
from neurofm_bids.readouts.readout import Readout
from neurofm_bids.records.columns import IDENTITY_COLUMNS, KNOWN_AGE, RECORDED_COLUMNS
from neurofm_bids.records.dictionary import volume_column
from neurofm_bids.records.score_columns import overlapping, score_row
from neurofm_bids.storage.tables import read_tsv, table_text
from neurofm_bids.storage.text import read_json, some_of

__all__ = ["score_table"]

_log = logging.getLogger(__name__)
_Row = Mapping[str, str]
_PERSON, _SCAN = IDENTITY_COLUMNS[0], IDENTITY_COLUMNS[2]
_RECORDED = {"age": KNOWN_AGE, "sex": RECORDED_COLUMNS[-1]}  # as they were understood, in tables of the group


def score_table(readouts: Sequence[Readout], features: Path, others: Sequence[Path] = ()) -> str:
    """Return the scores of each row of a table of features, as TSV.

    Parameters
    ----------
    features
        Table with the columns ``f000`` onwards; one of the group level, or of one scan.
    others
        Tables with volumes (``left_hippocampus_mm3``) or covariates of the same scans or participants.

    Raises
    ------
    NeuroFMError
        A table cannot be read, rows of two tables cannot be joined, the features are of another model or
        absent, or the columns of two readouts would be the same.
    """
    names = [readout.task.name for readout in readouts]
    if pair := next(overlapping(names), None):
        raise NeuroFMError(
            f"the columns of two readouts would be the same ({' and '.join(pair)})",
            fix="Leave one out.",
            code=Exit.USAGE,
        )
    _check_weights(readouts, features)
    rows = _rows(features)
    for path in others:
        rows = _joined(rows, _rows(path), path)
    known = dict.fromkeys(name for row in rows for name in row)
    for readout in readouts:
        _check_features(readout, known, features)
    _warn_of_covariates(readouts, known)
    named = [name for name in IDENTITY_COLUMNS if name in rows[0]]
    scores = [score_row(score(readout, _measured(readout, row)) for readout in readouts) for row in rows]
    columns = dict.fromkeys(name for cells in scores for name in cells)
    lines = [
        (*(row[name] for name in named), *(cells.get(name) for name in columns))
        for row, cells in zip(rows, scores, strict=True)
    ]
    return table_text([*named, *columns], lines)


def _check_features(readout: Readout, columns: Collection[str], path: Path) -> None:
    """Raise if no table has the column of a feature."""
    absent = [name for name in readout.features if not {name, volume_column(name)} & {*columns}]
    if absent:
        raise NeuroFMError(
            f"the readout {readout.task.name} needs columns that no table has ({some_of(absent)})",
            where=path,
            fix="Use a table of features of the same kind, or add that of the volumes with --tables.",
        )


def _warn_of_covariates(readouts: Sequence[Readout], columns: Collection[str]) -> None:
    """Say which covariates and sites no table has: without them there is no score."""
    known = {name.lower() for name in columns}
    known |= {name for name, column in _RECORDED.items() if column in columns}
    needed: dict[str, list[str]] = {}
    for readout in readouts:
        sites = [readout.task.site] if readout.harmonisation and readout.task.site else []
        for name in (*(one.name for one in readout.covariates), *sites):
            if name.lower() not in known:
                needed.setdefault(name, []).append(readout.task.name)
    if needed:
        names = sorted({name for of in needed.values() for name in of})
        _log.warning(
            "No scores of %s: no table has the columns of %s. Add tables with --tables.",
            some_of(names),
            some_of(list(needed)),
        )


def _measured(readout: Readout, row: _Row) -> Measured:
    volumes = {name: as_number(row.get(volume_column(name), "")) for name in readout.features}
    found = {name: as_number(row[name]) for name in row if is_latent(name) or name in readout.features}
    found |= {name: volume for name, volume in volumes.items() if volume}  # 0 where no region was found
    age = next((value for name, value in row.items() if name.lower() == "age"), "")
    recorded = {name: row[column] for name, column in _RECORDED.items() if row.get(column, "n/a") != "n/a"}
    return Measured(
        {name: math.nan if value is None else value for name, value in found.items()},
        {**row, **recorded},
        age_years=as_number(recorded.get("age", age)),
        has_failed=row.get("quality") == "fail",
    )


def _rows(path: Path) -> list[_Row]:
    try:
        _, rows = read_tsv(path)
    except OSError as error:
        what, fix = option_problem(path, error, "table", "the path", "")
        raise NeuroFMError(what, where=path, fix=fix, code=Exit.USAGE) from error
    if not rows:
        raise NeuroFMError("the table has no rows", where=path, fix="Check it.")
    return list(rows)


def _joined(rows: Sequence[_Row], others: Sequence[_Row], path: Path) -> list[_Row]:
    """Return rows with the columns of another table, joined by scan or, where it has none, participant."""
    key = next((name for name in (_SCAN, _PERSON) if name in rows[0] and name in others[0]), "")
    by_key = {row[key]: row for row in others} if key else {}
    if len(by_key) < len(others):
        raise NeuroFMError(
            f"the rows of the table cannot be joined: it has no column {_SCAN} or {_PERSON} whose values "
            "differ",
            where=path,
            fix=f"Use a table with one row per {'scan' if key == _SCAN else 'participant'}.",
        )
    return [{**by_key.get(row[key], {}), **row} for row in rows]


def _check_weights(readouts: Sequence[Readout], features: Path) -> None:
    """Raise if the sidecar of the features names other weights than those of the training."""
    sidecar = image_sidecar(features)
    try:
        made = read_json(sidecar)["NeuroFM"] if sidecar.is_file() else {}
        named = made.get("WeightsSHA256", made.get("Model", {}).get("WeightsSHA256"))
    except (OSError, ValueError, KeyError, AttributeError):
        return
    for readout in readouts:
        if named is not None and named != readout.origin.weights_sha256:
            raise NeuroFMError(
                f"the readout {readout.task.name} cannot be used for these features: they were made with "
                "other weights of the model",
                where=sidecar,
                fix="Use features of the model of its training.",
            )
