"""Age and sex of the participants, from ``participants.tsv``."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurofm_bids.storage.text import read_text

__all__ = ["Participant", "read_participants", "read_rows"]

_log = logging.getLogger(__name__)

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
    """Return the texts of each participant's first row by column, in lower case, by label.

    Lines may end as on Unix, Windows or an old Mac. A table without ``participant_id`` and participants
    listed twice are named in a warning.
    """
    path = bids_dir / "participants.tsv"
    try:
        text = read_text(path, errors="replace")
    except FileNotFoundError:
        return {}
    except OSError as error:
        _log.warning("participants.tsv cannot be read (%s): ages are not known", error.strerror)
        return {}
    head, *lines = [line.split("\t") for line in re.split(r"\r\n|\r|\n", text)]
    columns = [name.strip().lower() for name in head]
    if "participant_id" not in columns:
        _log.warning("participants.tsv has no column participant_id: ages are not known")
        return {}
    return _first_rows(columns, lines)


def _first_rows(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    twice: dict[str, None] = {}
    for line in lines:
        values = dict.fromkeys(columns, "") | {k: v.strip() for k, v in zip(columns, line, strict=False) if k}
        label = values["participant_id"].removeprefix("sub-")
        if not label:
            continue
        if label in found:
            twice[label] = None
        found.setdefault(label, values)
    if twice:
        _log.warning(
            "participants.tsv lists participants twice, the first row counts: %s", _named(list(twice))
        )
    return found


def _named(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
    return ", ".join(label[:50] for label in labels[:5]) + more


def _participant(values: dict[str, str]) -> Participant:
    age = values.get("age", "")
    sex = _SEX.get(values.get("sex", values.get("gender", "")).lower())
    return Participant(_age(age), age or None, sex)


def _age(text: str) -> float | None:
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*\+?", text)
    age = float(match.group(1)) if match else math.nan
    return age if 0 <= age <= 130 else None
