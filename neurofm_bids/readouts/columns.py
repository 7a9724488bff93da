"""Columns of a table as the readouts use them: texts of classes, or numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import numpy.typing as npt

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.sheets import is_known
from neurofm_bids.records.scan import Identity

__all__ = ["PERSON", "as_number", "is_latent", "nearest", "numbers", "scan_values", "text_of", "texts"]

PERSON = "participant_id"
_SYNONYMS = {"sex": "gender", "gender": "sex"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def text_of(value: Any) -> str:
    """Return a cell as text, empty if it is not known; whole numbers have no decimal point.

    >>> text_of(1.0), text_of("F"), text_of(None), text_of("n/a"), text_of(float("nan"))
    ('1', 'F', '', '', '')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if isinstance(value, int | float | np.integer | np.floating):
        return f"{float(value):.15g}"
    text = str(value).strip()
    return text if is_known(text) else ""


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


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a question with the known name that is most like another, empty if none is.

    >>> nearest("diagnose", ["diagnosis", "age"])
    "Did you mean 'diagnosis'? "
    >>> nearest("sex", ["gender", "set"])
    "Did you mean 'gender'? "
    """
    names = {text.lower(): text for text in known}
    same = _SYNONYMS.get(name.lower(), "")
    alike = [same] if same in names else get_close_matches(name.lower(), names, 1, 0.6)
    return f"Did you mean {names[alike[0]]!r}? " if alike else ""


def scan_values(covariates: Covariates, scan: Identity) -> Mapping[str, str]:
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
