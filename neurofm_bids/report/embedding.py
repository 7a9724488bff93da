"""Figures and images inside the one file of a report, as many as keep it small."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

from markupsafe import Markup

from neurofm_bids.report.assets import viewer_code

__all__ = ["LIMIT_BYTES", "Room", "base64_of", "data_uri"]

LIMIT_BYTES = 5_000_000
_TEXT_BYTES, _SCAN_BYTES = 100_000, 70_000  # texts, tables and charts of a report, and of each scan
_ESCAPED = "%#\"'<>&\n"  # the sign of escapes first


def data_uri(path: Path) -> Markup:
    """Return an SVG file as an address; only signs that need it are escaped, so that HTML has none to escape.

    Raises
    ------
    OSError
        It cannot be read.
    """
    text = path.read_bytes().decode(errors="replace")
    for sign in _ESCAPED:  # many times faster than str.translate
        text = text.replace(sign, f"%{ord(sign):02X}")
    return Markup(f"data:image/svg+xml,{text}")


def base64_of(path: Path) -> Markup:
    """Return the bytes of a file as base64.

    Raises
    ------
    OSError
        It cannot be read.
    """
    return Markup(base64.b64encode(path.read_bytes()).decode())


class Room:
    """What still fits into a report of so many scans, in bytes."""

    def __init__(self, scans: int) -> None:
        self._left = LIMIT_BYTES - _TEXT_BYTES - len(viewer_code()) - _SCAN_BYTES * scans

    def admit(self, parts: Iterable[str]) -> bool:
        """Tell whether parts fit, and keep the room for them."""
        size = sum(len(part) for part in parts)
        if size > self._left:
            return False
        self._left -= size
        return True
