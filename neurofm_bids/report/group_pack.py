"""Columns of scans packed into one text: numbers in planes of bytes, gzip, base64."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LIMIT_BYTES", "MOST_SCANS", "Packed", "ScanColumn", "pack"]

LIMIT_BYTES, MOST_SCANS = 7_000_000, 20_000  # of the packed text, of the scans in it
_DIGITS = 4  # of the range that the middle 98 % of a column span
_MOST_LEVELS = 2000  # of a column of texts that does not name scans
_MOST_DECIMALS = 15
_MOST_CODES = 256**4 - 1  # of whole numbers in four bytes, one of which stands for no value
_MOST_EXACT = 2**53  # whole numbers up to this are exact in float64
_UNKNOWN = ("", "n/a")

_Array = npt.NDArray[np.float64]
_Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ScanColumn:
    """A column over all scans.

    Parameters
    ----------
    name, title, unit, about, group
        Of the column; the group is the heading under which it is listed.
    values
        Cells as a table has them, n.
    factor
        To the unit from that of the cells.
    range_column, bound_column
        Names of the columns that tell whether a value is in its range, and whether it is a lower bound.
    is_name
        Whether it names scans, so that every level is kept.
    is_coded
        Whether its texts are codes, with underscores between words and semicolons between codes.
    is_personal
        Whether all scans of a participant have one value, so that it is drawn once.
    """

    name: str
    title: str
    unit: str
    about: str
    group: str
    values: pd.Series
    factor: float = 1.0
    range_column: str = ""
    bound_column: str = ""
    is_name: bool = False
    is_coded: bool = False
    is_personal: bool = False


@dataclass(frozen=True)
class Packed:
    """Scans as one text, and which of all scans it has, in their order.

    ``names`` are the columns that have values, ``numbers`` those of them with numbers; ``left_out`` are
    titles of columns of texts with too many different values.
    """

    text: str
    places: npt.NDArray[np.intp]
    names: tuple[str, ...]
    numbers: frozenset[str]
    left_out: tuple[str, ...]


def pack(columns: Sequence[ScanColumn], first: _Flags, scans: Sequence[str]) -> Packed:
    """Pack columns, of as many scans as keep the text within :data:`LIMIT_BYTES`.

    Numbers are rounded to four digits of the range that the middle 98 % of their column span, whole numbers
    are kept; those of a column that do not fit into four bytes so are kept as float64. Columns without any
    value are left out.

    Parameters
    ----------
    columns
        Of the n scans.
    first
        Which scans are preferred where not all fit, shape (n,); a hash of their names draws the others.
    scans
        Names of the scans.
    """
    order = _order(first, scans)
    count = min(len(scans), MOST_SCANS)
    while True:
        places = np.sort(order[:count])
        made = [_encoded(replace(column, values=column.values.iloc[places])) for column in columns]
        kept = [one for one in made if isinstance(one, _Encoded)]
        text = _text(kept, count)
        if len(text) <= LIMIT_BYTES or count <= 1:
            left_out = tuple(one for one in made if isinstance(one, str))
            names = tuple(str(one.about["name"]) for one in kept)
            numbers = frozenset(str(one.about["name"]) for one in kept if one.about["kind"] == "number")
            return Packed(text, places, names, numbers, left_out)
        count = max(1, int(count * 0.95 * LIMIT_BYTES / len(text)))


@dataclass(frozen=True)
class _Encoded:
    about: dict[str, Any]
    data: bytes


def _order(first: npt.NDArray[np.bool_], scans: Sequence[str]) -> npt.NDArray[np.intp]:
    """Return the places of scans, the preferred first, otherwise in an order that only their names decide."""
    if len(scans) <= 1:
        return np.arange(len(scans))
    hashes = [hashlib.sha256(name.encode(errors="replace")).digest() for name in scans]
    return np.array(sorted(range(len(scans)), key=lambda place: (not first[place], hashes[place])))


def _text(encoded: Sequence[_Encoded], size: int) -> str:
    at, columns = 0, []
    for one in encoded:
        columns.append({**one.about, "at": at})
        at += len(one.data)
    head = json.dumps({"size": size, "columns": columns}, ensure_ascii=False, separators=(",", ":"))
    about = head.encode(errors="replace")
    whole = b"".join((struct.pack("<I", len(about)), about, *(one.data for one in encoded)))
    return base64.b64encode(gzip.compress(whole, 6, mtime=0)).decode()


def _encoded(column: ScanColumn) -> _Encoded | str | None:
    """Return a column in bytes, its title if it has too many different texts, None if it has no values."""
    column = replace(column, values=column.values.astype(object))
    known = column.values.notna() & ~column.values.isin(_UNKNOWN)
    if not known.any():
        return None
    about = {key: getattr(column, key) for key in ("name", "title", "unit", "about", "group")}
    about |= {"range": column.range_column} if column.range_column else {}
    about |= {"coded": True} if column.is_coded else {}
    about |= {"personal": True} if column.is_personal else {}
    about |= {"bound": column.bound_column} if column.bound_column else {}
    numbers = None if column.is_name else _numbers(column.values, known)
    if numbers is not None:
        return _encoded_numbers(about, numbers * column.factor)
    return _encoded_texts(about, column, known.to_numpy())


def _numbers(values: pd.Series, known: pd.Series) -> _Array | None:
    import pandas as pd

    if values.dtype == bool or values[known].map(lambda cell: isinstance(cell, bool | np.bool_)).any():
        return None
    numbers = pd.to_numeric(values.where(known), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    finite = np.isfinite(numbers)
    return np.where(finite, numbers, np.nan) if finite.any() and np.array_equal(finite, known) else None


def _encoded_numbers(about: dict[str, Any], values: _Array) -> _Encoded:
    known = np.isfinite(values)
    decimals = _decimals(values[known])
    about = {**about, "kind": "number", "decimals": decimals}
    with np.errstate(over="ignore"):
        whole = np.rint(values[known] * 10.0 ** min(decimals, _MOST_DECIMALS))
        fits = np.abs(whole).max() <= _MOST_EXACT and np.ptp(whole) < _MOST_CODES
    if decimals > _MOST_DECIMALS or not fits:
        return _Encoded({**about, "bytes": 8}, _planes(values.astype("<f8")))
    base = int(whole.min())
    codes = np.full(values.size, -1, dtype=np.int64)
    codes[known] = whole.astype(np.int64) - base
    return _coded({**about, "base": base}, codes)


def _decimals(known: _Array) -> int:
    """Return with how many decimals whole numbers, or else four digits of the range of most, are kept."""
    if (known == np.rint(known)).all():
        return 0
    with np.errstate(over="ignore", invalid="ignore"):
        span = float(np.ptp(np.quantile(known, [0.01, 0.99]))) or float(np.ptp(known)) or float(abs(known[0]))
    return max(0, _DIGITS - 1 - int(np.floor(np.log10(span)))) if np.isfinite(span) else 0


def _encoded_texts(about: dict[str, Any], column: ScanColumn, known: npt.NDArray[np.bool_]) -> _Encoded | str:
    texts = [_written(cell) if has else None for cell, has in zip(column.values, known, strict=True)]
    levels = {
        text: place for place, text in enumerate(dict.fromkeys(text for text in texts if text is not None))
    }
    if len(levels) > _MOST_LEVELS and not column.is_name:
        return column.title
    codes = np.array([-1 if text is None else levels[text] for text in texts], dtype=np.int64)
    return _coded({**about, "kind": "text", "levels": list(levels)}, codes)


def _written(cell: object) -> str:
    return str(cell).lower() if isinstance(cell, bool | np.bool_) else str(cell)


def _coded(about: dict[str, Any], codes: npt.NDArray[np.int64]) -> _Encoded:
    """Return codes of 0 or more, -1 for none, as planes of one, two or four bytes; none has all bits set."""
    most = int(codes.max())
    size = next(size for size in (1, 2, 4) if most < 256**size - 1)
    return _Encoded(
        {**about, "bytes": size}, _planes(np.where(codes < 0, 256**size - 1, codes).astype(f"<u{size}"))
    )


def _planes(values: npt.NDArray[Any]) -> bytes:
    """Return the lowest byte of all values, then the next."""
    return values.view(np.uint8).reshape(-1, values.itemsize).T.tobytes()
