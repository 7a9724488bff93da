"""Which scans and people a task loses, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.columns import PERSON
from neurofm_bids.records.columns import feature_columns
from neurofm_bids.storage.text import some_of

__all__ = ["people_left", "problems_of", "reasons_of", "unknown_features", "with_losses"]

_Values = npt.NDArray[np.float64]


def people_left(
    whose: Sequence[str], has_target: Sequence[bool], reasons: Sequence[str], excluded: Collection[int] = ()
) -> str:
    """Return how many of the people who have the target remain, and for how many what is not known.

    Parameters
    ----------
    whose
        Person of each row.
    has_target, reasons
        Whether the target of each row is known, and why the row cannot be used, empty if it can.
    excluded
        Rows that the task excludes.

    Returns
    -------
    str
        Empty if all remain.

    Examples
    --------
    >>> people_left("abc", [True, True, False], ["", "HADS is not known", "HADS is not known"])
    '1 of 2 people remain: HADS is not known for 1'
    """
    rows = [row for row, known in enumerate(has_target) if known and row not in excluded]
    kept = {whose[row] for row in rows if not reasons[row]}
    lost: dict[str, str] = {}
    for row in rows:
        if whose[row] not in kept:
            lost.setdefault(whose[row], reasons[row])
    if not lost:
        return ""
    counts = ", ".join(f"{why} for {count}" for why, count in Counter(lost.values()).most_common())
    return f"{len(kept)} of {len(kept) + len(lost)} people remain: {counts}"


def with_losses(error: NeuroFMError, losses: str) -> NeuroFMError:
    """Return an error that also says how many people remain, as :func:`people_left` says it."""
    if not losses:
        return error
    fix = f"{error.fix} Add what is not known, or remove its column from the task.".strip()
    return NeuroFMError(f"{losses}; {error.what}", where=error.where, fix=fix, code=error.code)


def problems_of(
    reasons: Sequence[str], whose: Sequence[str], shown: Sequence[str], excluded: Collection[int]
) -> tuple[str, ...]:
    """Return a sentence for each reason that names participants and, if known, their values."""
    named: dict[str, list[str]] = {}
    for row, reason in enumerate(reasons):
        if reason and row not in excluded:
            value = f" ({shown[row]})" if shown and shown[row] else ""
            named.setdefault(reason, []).append(f"{whose[row]}{value}")
    return tuple(f"{reason}; left out: {some_of(who)}" for reason, who in named.items())


def reasons_of(
    needed: Mapping[str, Sequence[str]],
    whose: Sequence[str],
    excluded: Mapping[int, str],
    unknown_features: Sequence[str],
) -> list[str]:
    """Return why each scan is left out, before its target is looked at; empty if it is not."""
    reasons = []
    for row, person in enumerate(whose):
        unknown = [name for name, column in needed.items() if not column[row]]
        if row in excluded:
            reasons.append(excluded[row])
        elif unknown:
            reasons.append(f"{unknown[0]} is not known")
        elif not person:
            reasons.append(f"{PERSON} is not known")
        else:
            reasons.append(unknown_features[row])
    return reasons


def unknown_features(features: _Values, names: Sequence[str]) -> list[str]:
    """Return which feature each scan lacks, empty if none: of several, the one that most scans lack."""
    lacks = ~np.isfinite(features)
    often = np.where(lacks, lacks.sum(axis=0), -1).argmax(axis=1)
    named = names or feature_columns(features.shape[1])
    return [
        "no feature is known"
        if row.all()
        else f"the feature {named[place]} is not known"
        if row.any()
        else ""
        for row, place in zip(lacks, often, strict=True)
    ]
