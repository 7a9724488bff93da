"""Age and sex of the participants, from ``participants.tsv``."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Participant", "read_participants", "read_rows"]

_SEX = {"f": "F", "female": "F", "m": "M", "male": "M"}


@dataclass(frozen=True)
class Participant:
    """What participants.tsv says of one person.

    Parameters
    ----------
    age_years
        Age, or None if it is not known; ``89+`` counts as 89.
    age_text
        The age as written.
    sex
        ``F``, ``M`` or None.
    """

    age_years: float | None
    age_text: str | None
    sex: str | None


def read_participants(bids_dir: Path) -> dict[str, Participant]:
    """Return the participants by label without ``sub-``; empty if there is no readable table.

    The first row of a label counts. The column of sex may be named ``sex`` or ``gender``.
    """
    return {label: _participant(values) for label, values in read_rows(bids_dir).items()}


def read_rows(bids_dir: Path) -> dict[str, dict[str, str]]:
    """Return the texts of each participant's first row by column, in lower case, by label."""
    try:
        text = (bids_dir / "participants.tsv").read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return {}
    found: dict[str, dict[str, str]] = {}
    for row in csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
        values = {k.strip().lower(): (v or "").strip() for k, v in row.items() if k and isinstance(v, str)}
        label = values.get("participant_id", "").removeprefix("sub-")
        if label:
            found.setdefault(label, values)
    return found


def _participant(values: dict[str, str]) -> Participant:
    age = values.get("age", "")
    sex = _SEX.get(values.get("sex", values.get("gender", "")).lower())
    return Participant(_age(age), age or None, sex)


def _age(text: str) -> float | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*\+?", text)
    age = float(match.group(1)) if match else math.nan
    return age if 0 <= age <= 130 else None
