"""Features and covariates from two tables, for data without images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from neurofm_bids.bids.dictionaries import DataDictionaries
from neurofm_bids.bids.sheets import read_sheet
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.batch import Data
from neurofm_bids.readouts.columns import PERSON, numbers, texts
from neurofm_bids.storage.text import some_of

__all__ = ["read_data"]


def read_data(features: Path, table: Path) -> Data:
    """Return the rows of a table of features, with those of the same participant in another table.

    Dictionaries beside the second table say which of its numbers are codes.

    Parameters
    ----------
    features
        With ``participant_id``, and one column of numbers for each feature.
    table
        With ``participant_id``, one row per participant.

    Raises
    ------
    NeuroFMError
        A table cannot be read or has no such column, a feature is not a number, the second table has a
        participant twice, or no participant is in both.
    """
    of_features, known = _columns(features), _columns(table)
    rows: dict[str, int] = {}
    for row, person in enumerate(known[PERSON]):
        if rows.setdefault(person, row) != row:
            raise NeuroFMError(f"the table has {person} twice", where=table, fix="Keep one row of each.")
    places = [rows.get(person) for person in of_features[PERSON]]
    if all(place is None for place in places):
        raise NeuroFMError(
            "no participant is in both tables", where=f"{features}, {table}", fix="Check them."
        )
    names = [name for name in of_features if name != PERSON]
    joined = {
        name: ["" if place is None else column[place] for place in places] for name, column in known.items()
    }
    levels = DataDictionaries(table.parent).columns()
    return Data(
        _features(of_features, names, features),
        {**joined, PERSON: of_features[PERSON]},
        tuple(names),
        dataset=table.absolute().parent.name,
        categories=frozenset(name for name, entry in levels.items() if entry.get("Levels")),
    )


def _columns(path: Path) -> Mapping[str, Sequence[str]]:
    sheet = read_sheet(path, PERSON)
    lines = [cells for _, cells in sheet.lines]
    return {name: texts(cells[place] for cells in lines) for place, name in enumerate(sheet.columns) if name}


def _features(columns: Mapping[str, Sequence[str]], names: Sequence[str], path: Path) -> np.ndarray:
    read = {name: numbers(columns[name]) for name in names}
    values = {name: column for name, column in read.items() if column is not None}
    if not values or len(values) < len(read):
        odd = [name for name in names if name not in values]
        what = f"columns that are not numbers: {some_of(odd)}" if odd else "there is no column of features"
        raise NeuroFMError(what, where=path, fix="Leave only participant_id and features in the table.")
    return np.column_stack(list(values.values()))
