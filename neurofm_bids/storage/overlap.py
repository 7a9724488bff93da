"""Looking at many small files at once: a disk or a network answers several requests in the time of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["overlapped"]

_THREADS, _AT_ONCE = 8, 200
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def overlapped(look: Callable[[_Item], _Result], items: Sequence[_Item]) -> Iterator[_Result]:
    """Yield what is found for each item, in order; threads look at many of them.

    >>> list(overlapped(abs, [-1, 2]))
    [1, 2]
    """
    parts = [items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE)]
    if len(parts) < 2:
        yield from map(look, items)
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        for found in pool.map(lambda part: [look(item) for item in part], parts):
            yield from found
