"""Covariates of a readout as columns of numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from neurofm_bids.bids.sheets import text_of
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.columns import as_number, numbers
from neurofm_bids.readouts.readout import Covariate
from neurofm_bids.storage.text import some_of

__all__ = ["check_coding", "coded_row", "coded_rows", "coding_of"]

_Values = npt.NDArray[np.float64]
_LEAST_LEVELS, _PEOPLE_PER_LEVEL = 2, 10


def coding_of(name: str, column: Sequence[str], categories: Collection[str] = ()) -> Covariate:
    """Return the coding of a covariate: a number if all known values are numbers, otherwise its levels.

    Parameters
    ----------
    column
        Texts, empty where a value is not known.
    categories
        Columns whose numbers are codes of classes.

    Examples
    --------
    >>> coding_of("sex", ["M", "F", ""]).levels, coding_of("age", ["20", "30.5"]).levels
    (('F', 'M'), ())
    """
    if name not in categories and numbers(column) is not None:
        return Covariate(name)
    return Covariate(name, tuple(sorted({text for text in column if text})))


def check_coding(
    task_name: str, coding: Covariate, column: Sequence[str], people: int, categories: Collection[str] = ()
) -> None:
    """Raise if a covariate with levels is one of numbers with odd texts, or has too many levels.

    Parameters
    ----------
    column
        As in :func:`coding_of`.
    people
        Number of people whose covariate it is.

    Raises
    ------
    NeuroFMError
        That is so; the message names the odd values, or the number of levels.
    """
    known = [text for text in column if text]
    odd = [text for text in known if as_number(text) is None]
    if not coding.levels:
        return
    if coding.name not in categories and 2 * len(odd) < len(known):
        what = f"has texts among numbers ({some_of(list(dict.fromkeys(odd)))})"
        fix = "Correct these values, or write n/a where the number is not known."
    elif len(coding.levels) > max(_LEAST_LEVELS, people / _PEOPLE_PER_LEVEL):
        what = f"has {len(coding.levels)} different values in {people} people, more than a tenth of them"
        fix = "Remove it from the covariates of the task, or join values."
    else:
        return
    raise NeuroFMError(f"the covariate {coding.name} {what}", where=f"task {task_name}", fix=fix)


def coded_rows(covariates: Sequence[Covariate], columns: Mapping[str, Sequence[str]], rows: int) -> _Values:
    """Return coded covariates, shape (rows, columns); NaN in a row where a covariate is not known."""
    lines = [
        coded_row(covariates, {one.name: columns[one.name][row] for one in covariates}) for row in range(rows)
    ]
    width = sum(len(one.levels) - 1 if one.levels else 1 for one in covariates)
    values = [[np.nan] * width if isinstance(line, str) else line for line in lines]
    return np.array(values, dtype=np.float64).reshape(rows, width)


def coded_row(covariates: Sequence[Covariate], values: Mapping[str, object]) -> list[float] | str:
    """Return the coded covariates of one scan, or a sentence that says which one is not known.

    Parameters
    ----------
    covariates
        Of a readout.
    values
        By column, as the tables have them.

    Examples
    --------
    >>> both = [Covariate("age"), Covariate("sex", ("F", "M"))]
    >>> coded_row(both, {"age": 30, "sex": "M"}), coded_row(both, {"age": 30})
    ([30.0, 1.0], 'the covariate sex is not known')
    """
    row: list[float] = []
    for one in covariates:
        text = text_of(values.get(one.name))
        if not text:
            return f"the covariate {one.name} is not known"
        if one.levels:
            if text not in one.levels:
                return f"the covariate {one.name} is {text}, which no scan of the training has"
            row += [float(text == level) for level in one.levels[1:]]
        elif (number := as_number(text)) is None:
            return f"the covariate {one.name} is {text}, not a number"
        else:
            row.append(number)
    return row
