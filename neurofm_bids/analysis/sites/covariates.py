"""Covariates whose effects harmonisation keeps, as columns of numbers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydantic.dataclasses import dataclass

from neurofm_bids.analysis.columns import column_of
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.readouts.columns import numbers, texts
from neurofm_bids.records.schema import RECORD

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Preserved", "coded", "coding", "known_rows", "text_column"]

_Values = npt.NDArray[np.float64]
_KNOTS = (5, 35, 65, 95)  # percentiles (Harrell 2015, Regression Modeling Strategies, table 2.3)


@dataclass(frozen=True, config=RECORD)
class Preserved:
    """A covariate and its coding.

    Parameters
    ----------
    name
        Its column.
    levels
        Of a text; each but the first is a column of 0 and 1. Empty for a number.
    knots
        Of the natural cubic spline of a number; empty for a straight line.
    range
        Lowest and highest number of the scans of the fit; None for a text.
    """

    name: str
    levels: tuple[str, ...] = ()
    knots: tuple[float, ...] = ()
    range: tuple[float, float] | None = None


def coding(table: pd.DataFrame, names: Sequence[str], smooth: Collection[str] = ()) -> tuple[Preserved, ...]:
    """Return the coding of columns by their known values.

    Raises
    ------
    NeuroFMError
        A column does not exist, has no known value, or is of texts but to be smooth.
    """
    return tuple(_coding(table, name, is_smooth=name in smooth) for name in names)


def coded(table: pd.DataFrame, covariates: Sequence[Preserved]) -> _Values:
    """Return covariates as numbers, shape (n, q): NaN in a row where one is not known, or is no level."""
    parts = [_coded(table, one) for one in covariates]
    return np.concatenate([np.empty((len(table), 0)), *parts], axis=1)


def known_rows(table: pd.DataFrame, covariates: Sequence[Preserved]) -> npt.NDArray[np.bool_]:
    """Tell in which rows all covariates are known, shape (n,)."""
    return np.asarray(np.isfinite(coded(table, covariates)).all(axis=1))


def text_column(table: pd.DataFrame, name: str) -> npt.NDArray[np.str_]:
    """Return a column as texts, shape (n,), empty where it is not known."""
    import pandas as pd

    codes, values = pd.factorize(column_of(table, name), use_na_sentinel=False)
    return np.asarray(np.array(texts(values), dtype=np.str_)[codes])


def _coding(table: pd.DataFrame, name: str, *, is_smooth: bool) -> Preserved:
    values = _numbers(table, name)
    if values is None:
        if is_smooth:
            raise NeuroFMError(f"the column {name!r} has texts and cannot be smooth", code=Exit.USAGE)
        return Preserved(name, tuple(sorted({text for text in text_column(table, name) if text})))
    known = values[np.isfinite(values)]
    if not known.size:
        raise NeuroFMError(
            f"the column {name!r} has no known value", fix="Leave it out of the columns that are preserved."
        )
    knots = np.percentile(known, _KNOTS) if is_smooth else np.array([])
    is_curved = len(np.unique(knots)) == len(_KNOTS)
    span = (float(known.min()), float(known.max()))
    return Preserved(name, (), tuple(knots.tolist()) if is_curved else (), span)


def _coded(table: pd.DataFrame, one: Preserved) -> _Values:
    if one.levels:
        cells = text_column(table, one.name)
        others = one.levels[1:] or ("",)  # a single level has a column of 0, which tells known rows
        columns = np.where(cells[:, None] == np.array(others, dtype=np.str_), 1.0, 0.0)
        columns[~np.isin(cells, one.levels)] = np.nan
        return np.asarray(columns)
    values = _numbers(table, one.name)
    if values is None:
        raise NeuroFMError(f"the column {one.name!r} has texts, but numbers in the harmonisation")
    return np.asarray(_spline(values, one.knots))


def _numbers(table: pd.DataFrame, name: str) -> _Values | None:
    column = column_of(table, name)
    if column.dtype.kind in "fiu":
        return np.array(column, dtype=np.float64)
    return numbers(text_column(table, name).tolist())


def _spline(values: _Values, knots: Sequence[float]) -> _Values:
    """Return the terms of a natural cubic spline, shape (n, k): the values, and k - 1 curved terms."""
    if not knots:
        return values[:, None]
    *inner, before, last = knots

    def cube(knot: float) -> _Values:
        return np.maximum(values - knot, 0) ** 3

    curved = [
        (
            cube(knot)
            - cube(before) * (last - knot) / (last - before)
            + cube(last) * (before - knot) / (last - before)
        )
        / (last - knots[0]) ** 2
        for knot in inner
    ]
    return np.stack([values, *curved], axis=1)
