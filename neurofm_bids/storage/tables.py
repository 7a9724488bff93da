"""Text that comes from data as one cell of a table: one line, no column of its own, no formula."""

from __future__ import annotations

import re

__all__ = ["cell"]

# What ends a line or a cell somewhere, beyond what str.split() takes for space.
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# A spreadsheet takes these, also in full width, for the start of a formula. A quotation mark would open a
# quoted cell that swallows the cells and rows after it, or hide a formula within.
_STARTS = tuple('=+-@"\uff1d\uff0b\uff0d\uff20')
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")


def cell(text: str) -> str:
    r"""Return text as one cell of a TSV file that a spreadsheet shows and never computes.

    Tabs, line ends and other control characters become spaces, spaces are joined, what is no Unicode (a file
    name of odd bytes) becomes ``?``, and nothing becomes ``n/a``. Text that begins like a formula or a quoted
    cell gets an apostrophe before it, unless it is a plain number.

    >>> [cell(text) for text in ("=1+1", "-12.5", "a\tb\n", "")]
    ["'=1+1", '-12.5', 'a b', 'n/a']
    """
    known = text.encode(errors="replace").decode()
    line = " ".join(_BREAKS.sub(" ", known).split())
    if line.startswith(_STARTS) and not _NUMBER.fullmatch(line):
        return f"'{line}"
    return line or "n/a"
