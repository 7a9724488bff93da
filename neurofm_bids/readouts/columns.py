"""Columns of a table as the readouts use them: texts of classes, or numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from neurofm_bids.bids.covariates import Known
from neurofm_bids.bids.sheets import text_of
from neurofm_bids.records.scan import Identity

__all__ = ["PERSON", "as_number", "is_latent", "numbers", "scan_values", "texts"]

PERSON = "participant_id"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def texts(values: Iterable[Any]) -> tuple[str, ...]:
    """Return a column as texts, empty where a value is not known."""
    return tuple(map(text_of, values))


def as_number(text: str) -> float | None:
    """Return the number that a text is, or None.

    >>> as_number("1.50"), as_number("089"), as_number("89+")
    (1.5, 89.0, None)
    """
    return float(text) if _NUMBER.fullmatch(text) else None


def is_latent(name: str) -> bool:
    """Tell whether a feature is one of the model, named ``f`` and a number.

    >>> is_latent("f000"), is_latent("fornix")
    (True, False)
    """
    return name[:1] == "f" and name[1:].isdecimal()


def numbers(column: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """Return the numbers of a column of texts, NaN where one is empty; None if some text is not a number."""
    values = [as_number(text) if text else math.nan for text in column]
    return None if None in values else np.array(values, dtype=np.float64)


def scan_values(covariates: Known, scan: Identity) -> Mapping[str, str]:
    """Return what the tables of a dataset say of a scan, by column, as readouts are fitted and applied.

    As :meth:`~neurofm_bids.bids.covariates.Covariates.values`, but ``age`` is in years and ``sex`` is F or M
    where they are understood, and ``participant_id`` is the label with prefix.
    """
    values = dict(covariates.values(scan))
    person = covariates.person(scan)
    names = {name.lower(): name for name in values}
    age = "" if person.age_years is None else text_of(person.age_years)
    for key, text in (("age", age), ("sex", person.sex or "")):
        if key in names and (text or key == "age"):
            values[names[key]] = text
    return {**values, PERSON: f"sub-{scan.subject}"}
