"""Rows of tables in little memory: those with the same columns share names, and numbers lie in arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Layout", "PackedRow", "columns", "layout", "pack"]

_KINDS = {bool: "b", int: "i", str: "s"}  # others are floats, f
_Cells = Mapping[str, object]


@dataclass(frozen=True)
class Layout:
    """The columns of a row, and a letter for what each holds: float or nothing, int, bool, str."""

    names: tuple[str, ...]
    kinds: str

    def place(self, name: str) -> int:
        """Return the place of a column.

        Raises
        ------
        KeyError
            There is no such column.
        """
        return _places(self.names)[name]


@cache
def _places(names: tuple[str, ...]) -> dict[str, int]:
    return {name: place for place, name in enumerate(names)}


@lru_cache(maxsize=100_000)
def layout(names: tuple[str, ...], kinds: str) -> Layout:
    """Return the layout of rows, the same object for equal ones."""
    return Layout(names, kinds)


class PackedRow(Mapping[str, Any]):
    """A row that cannot be changed.

    Parameters
    ----------
    layout
        Its columns.
    numbers
        A float64 for each column, shape (k,): NaN for nothing and for text.
    texts
        Those of the columns that hold text, in order.
    """

    __slots__ = ("layout", "numbers", "texts")

    def __init__(self, layout: Layout, numbers: npt.NDArray[np.float64], texts: tuple[str, ...] = ()) -> None:
        self.layout, self.numbers, self.texts = layout, numbers, texts

    def __getitem__(self, name: str) -> Any:
        place = self.layout.place(name)
        kind = self.layout.kinds[place]
        if kind == "s":
            return self.texts[self.layout.kinds.count("s", 0, place)]
        return _cell(float(self.numbers[place]), kind)

    def __iter__(self) -> Iterator[str]:
        return iter(self.layout.names)

    def __len__(self) -> int:
        return len(self.layout.names)

    def __repr__(self) -> str:
        return repr(dict(self))


def _cell(value: float, kind: str) -> object:
    if kind == "f":
        return None if value != value else value  # NaN
    return bool(value) if kind == "b" else int(value)


def pack(row: _Cells) -> PackedRow:
    """Return a row of texts, numbers, bools and None, packed; NaN becomes None.

    >>> dict(pack({"age": 40.5, "n": 2, "flags": None, "sex": "F"}))
    {'age': 40.5, 'n': 2, 'flags': None, 'sex': 'F'}
    """
    if isinstance(row, PackedRow):
        return row
    kinds = "".join([_KINDS.get(type(value), "f") for value in row.values()])
    numbers = np.array(
        [np.nan if value is None or type(value) is str else value for value in row.values()], dtype=np.float64
    )
    texts = tuple(value for value in row.values() if isinstance(value, str))
    return PackedRow(layout(tuple(row), kinds), numbers, texts)


def columns(rows: Sequence[_Cells]) -> pd.DataFrame:
    """Return rows as a table with all their columns, in order of their first appearance.

    Columns of floats are float64, with NaN for nothing; those with text, bools or ints are of that type or,
    with nothing in some rows, of objects with None.
    """
    import pandas as pd

    packed = [pack(row) for row in rows]
    places: dict[Layout, list[int]] = {}
    for place, row in enumerate(packed):
        places.setdefault(row.layout, []).append(place)
    names = {name: None for one in places for name in one.names}
    where = {name: column for column, name in enumerate(names)}
    values = np.full((len(rows), len(names)), np.nan)
    kinds: dict[str, set[str]] = {name: set() for name in names}
    for one, own in places.items():
        values[np.ix_(own, [where[name] for name in one.names])] = np.stack([packed[i].numbers for i in own])
        for name, kind in zip(one.names, one.kinds, strict=True):
            kinds[name].add(kind)
    frame = pd.DataFrame(values, columns=pd.Index(list(names), dtype=object), copy=False)
    for name, found in kinds.items():
        if found != {"f"}:
            frame[name] = _mixed([row.get(name) for row in packed], found)
    return frame


def _mixed(cells: list[Any], kinds: set[str]) -> pd.Series[Any]:
    import pandas as pd

    whole = {"i": "int64", "b": "bool"}.get(next(iter(kinds)), "object") if len(kinds) == 1 else "object"
    return pd.Series(cells, dtype="object" if None in cells else whole)
