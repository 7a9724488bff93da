"""The cohort of a fit, in numbers and in one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neurofm_bids.readouts.assembly import Assembled
from neurofm_bids.readouts.columns import as_number, texts
from neurofm_bids.readouts.folds import first_rows
from neurofm_bids.readouts.readout import Training

__all__ = ["describe"]

_SEXES = {"F": ("woman", "women"), "M": ("man", "men")}


def describe(found: Assembled, table: Mapping[str, Any], dataset: str, fingerprint: str) -> Training:
    """Return the cohort of assembled scans; of each person the first scan counts.

    Age and sex are those of columns ``age``, in years, and ``sex``, F and M, if the table has them.
    """
    samples = found.samples
    firsts = first_rows(samples.people)
    columns = {str(name).lower(): name for name in table}
    sexes, ages = (_column(table, columns.get(key), found.rows[firsts]) for key in ("sex", "age"))
    years = [age for text in ages if (age := as_number(text)) is not None]
    numbers = samples.target[firsts].reshape(len(firsts), -1)[:, -1]
    events = Counter(found.outcomes[int(k)] for k in numbers) if found.outcomes else Counter()
    people = len(firsts)
    made = Training(
        dataset=dataset,
        description="",
        scans=len(samples),
        people=people,
        events={name: events[name] for name in found.outcomes},
        sexes={name: n for name, n in sorted(Counter(sexes).items()) if name},
        age_range=(min(years), max(years)) if years else None,
        sites={site: int((samples.sites[firsts] == k).sum()) for k, site in enumerate(found.sites)},
        fingerprint=fingerprint,
    )
    return replace(made, description=_sentence(made))


def _column(table: Mapping[str, Any], name: str | None, rows: np.ndarray) -> Sequence[str]:
    if name is None:
        return ()
    column = texts(table[name])
    return [column[row] for row in rows]


def _sentence(made: Training) -> str:
    people = f"{made.people:,} {'person' if made.people == 1 else 'people'}"
    parts = [f"{n:,} {name}" for name, n in made.events.items()]
    sexes = {} if {*made.events} == {*made.sexes} else made.sexes
    parts += [f"{n:,} {_SEXES.get(name, (name, name))[n != 1]}" for name, n in sexes.items()]
    if made.age_range is not None:
        low, high = (f"{age:.0f}" for age in made.age_range)
        parts.append(f"{low} to {high} years" if low != high else f"{low} years")
    parts += [f"{len(made.sites)} sites"] if len(made.sites) > 1 else []
    parts += [f"{made.scans:,} scans"] if made.scans != made.people else []
    place = f" of {made.dataset}" if made.dataset else ""
    return f"{people}{place}" + (f" ({', '.join(parts)})" if parts else "")
