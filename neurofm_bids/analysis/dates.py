"""Dates of acquisition, in years."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["day_of", "decimal_years"]

_YEAR = timedelta(days=365.25)
_EPOCH = datetime(2000, 1, 1)


def decimal_years(dates: Iterable[Any]) -> npt.NDArray[np.float64]:
    """Return dates of ISO 8601 in years of 365.25 days since 2000, shape (n,); NaN where a cell is not one.

    Any year of four digits is read, so that dates that were shifted for privacy are, too. Zones are ignored.

    >>> decimal_years(["2001-01-01T06:00:00", "1925-12-31", "n/a", None]).round(3).tolist()
    [1.003, -74.001, nan, nan]
    """
    return np.array([_decimal_year(str(date)) for date in dates], dtype=np.float64)


def day_of(years: float) -> str:
    """Return the day of a date in years since 2000.

    >>> day_of(float(decimal_years(["1825-07-02T12:30:00"])[0]))
    '1825-07-02'
    """
    return (_EPOCH + timedelta(seconds=round(years * _YEAR.total_seconds()))).date().isoformat()


def _decimal_year(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return np.nan
    return (moment.replace(tzinfo=None) - _EPOCH) / _YEAR
