"""The centiles of one scan in little memory: scans with the same volumes and notes share them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from neurofm_bids.records.centile import Centile
from neurofm_bids.records.columns import centile_row
from neurofm_bids.records.packed import Layout, PackedRow, layout

__all__ = ["CENTILE_NUMBERS", "PackedCentiles", "Volumes", "pack_centiles"]

CENTILE_NUMBERS = 8  # value and its limits, the expected one, z, centile and its limits
_PLACED = 4  # from where on a row of a table has them
Volumes = tuple[tuple[str, Any, tuple[str, ...]], ...]  # name, source and notes of each


class PackedCentiles(Sequence[Centile]):
    """The centiles of one scan.

    Parameters
    ----------
    volumes
        Name, source and notes of each.
    numbers
        Shape (k, 8): value and its limits, the expected one, z, centile and its limits; NaN for nothing.
    """

    __slots__ = ("numbers", "volumes")

    def __init__(self, volumes: Volumes, numbers: npt.NDArray[np.float64]) -> None:
        self.volumes, self.numbers = volumes, numbers

    def __len__(self) -> int:
        return len(self.volumes)

    @overload
    def __getitem__(self, place: int) -> Centile: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Centile]: ...
    def __getitem__(self, place: int | slice) -> Centile | Sequence[Centile]:
        if isinstance(place, slice):
            return PackedCentiles(self.volumes[place], self.numbers[place])
        return _item(self.volumes[place], self.numbers[place].tolist())

    def __iter__(self) -> Iterator[Centile]:
        return map(_item, self.volumes, self.numbers.tolist())

    def row(self) -> PackedRow:
        """Return the cells of :func:`~neurofm_bids.records.columns.centile_row`."""
        shared, texts = _row_layout(self.volumes)
        note = [np.nan] if self.volumes else []
        return PackedRow(shared, np.concatenate([self.numbers[:, _PLACED:].ravel(), note]), texts)


def _item(volume: Any, numbers: list[float]) -> Centile:
    low, high, expected, z, centile, lower, upper = (None if n != n else n for n in numbers[1:])
    name, source, notes = volume
    interval = None if low is None or high is None else (low, high)
    limits = None if lower is None or upper is None else (lower, upper)
    return Centile(name, source, numbers[0], interval, expected, z, centile, limits, notes)


@cache
def _row_layout(volumes: Volumes) -> tuple[Layout, tuple[str, ...]]:
    row = centile_row([Centile(name, source, 0.0, None, notes=notes) for name, source, notes in volumes])
    texts = tuple(text for text in row.values() if isinstance(text, str))
    return layout(tuple(row), "".join("s" if isinstance(text, str) else "f" for text in row.values())), texts


def pack_centiles(items: Iterable[Centile]) -> PackedCentiles:
    """Return the centiles of one scan, packed."""
    if isinstance(items, PackedCentiles):
        return items
    items = list(items)
    nothing = (None, None)
    numbers = [
        (
            item.value,
            *(item.interval95 or nothing),
            item.expected,
            item.z,
            item.centile,
            *(item.centile_interval95 or nothing),
        )
        for item in items
    ]
    volumes = tuple((item.name, item.source, item.notes) for item in items)
    return PackedCentiles(volumes, np.array(numbers, dtype=np.float64).reshape(-1, CENTILE_NUMBERS))
