"""Times to an event, checked row by row."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.task import Times
from neurofm_bids.storage.text import nearest, some_of

__all__ = [
    "CENSORED",
    "COMPETING",
    "EVENT",
    "LONGEST",
    "CheckedTimes",
    "SurvivalTimes",
    "check_times",
    "people_with",
    "shared_values",
]

CENSORED, EVENT, COMPETING = 0, 1, 2
LONGEST = 120.0  # years; longer times are in another unit
_DIGITS = 7  # of times, as in files of readouts: what is equal there must be a tie here
_MISSING = {"", "n/a", "na", "nan", "none"}
Cell = str | float | None


@dataclass(frozen=True)
class SurvivalTimes:
    """Follow-up of n people, in years from the scan.

    A person is at risk at the times t with ``entry < t <= exit``.

    Parameters
    ----------
    entry
        When the follow-up began, (n,): 0 unless it began after the scan (left truncation).
    exit
        When it ended, (n,).
    event
        How it ended, (n,): 0 censored, 1 the event, 2 the competing event.
    """

    entry: NDArray[np.float64]
    exit: NDArray[np.float64]
    event: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.exit)

    def __getitem__(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> SurvivalTimes:
        """Return the follow-up of some people."""
        return SurvivalTimes(self.entry[rows], self.exit[rows], self.event[rows])

    @classmethod
    def of(cls, target: NDArray[np.float64]) -> SurvivalTimes:
        """Return the follow-up that is the target of samples: entry, exit and event, (n, 3)."""
        return cls(target[:, 0], target[:, 1], target[:, 2].astype(np.int8))

    @property
    def target(self) -> NDArray[np.float64]:
        """The follow-up as the target of samples: entry, exit and event, (n, 3)."""
        return np.column_stack([self.entry, self.exit, self.event])

    @property
    def delayed(self) -> bool:
        """Whether the follow-up of anyone began after the scan."""
        return bool((self.entry > 0).any())


@dataclass(frozen=True)
class CheckedTimes:
    """Times that can be used, and why others cannot.

    Parameters
    ----------
    times
        Of the rows that can be used.
    rows
        Which rows these are, (n,) indices.
    reasons
        Why each row is left out, empty if it is not, n.
    shown
        Values of each row that messages show, n.
    """

    times: SurvivalTimes
    rows: NDArray[np.intp]
    reasons: tuple[str, ...]
    shown: tuple[str, ...]


def check_times(
    participants: Sequence[str],
    columns: Times,
    time: Sequence[Cell],
    status: Sequence[Cell],
    entry: Sequence[Cell] | None = None,
    *,
    target: str = "event",
) -> CheckedTimes:
    """Check follow-up times and events as they stand in the tables of a dataset.

    Rows are left out whose time or event is missing, is not a number, is negative or longer than 120 years,
    or whose follow-up ended when it began or before. A follow-up that began before the scan counts from the
    scan on, since everybody who was scanned was free of the event until then. Times are rounded to seven
    significant digits, so that those that differ by rounding errors of floating point are ties.

    Parameters
    ----------
    participants
        Label of the participant of each row, for messages.
    columns
        Names of the columns, and values of the event, the competing event and, if stated, of censoring.
    time, status, entry
        Cells of each row; `entry` is None if follow-up began at the scan.
    target
        Name of the column of `status`, for messages.

    Raises
    ------
    NeuroFMError
        The column of events has values that are not declared or lacks the event, or no row can be used.
    """
    names = (columns.time, target, columns.entry or "entry")
    codes = _codes(columns, status, target)
    starts = [0.0] * len(time) if entry is None else entry
    cells = list(zip(time, status, starts, strict=True))
    judged = [_judge(one, names, codes) for one in cells]
    rows = [row for row, (reason, _) in enumerate(judged) if not reason]
    if not rows:
        told = sorted(
            {f"{reason}: {who} ({value})" for who, (reason, value) in zip(participants, judged, strict=True)}
        )
        raise NeuroFMError("no participant has usable times", where=some_of(told))
    times = SurvivalTimes(
        np.array([max(_number(starts[row]), 0.0) for row in rows]),
        np.array([_number(time[row]) for row in rows]),
        np.array([codes[_text(status[row])] for row in rows], dtype=np.int8),
    )
    reasons, shown = zip(*judged, strict=True)
    return CheckedTimes(times, np.array(rows), reasons, shown)


def _codes(columns: Times, status: Sequence[Cell], target: str) -> dict[str, int]:
    """Return what each value of the column of events means.

    Without declared values of censoring there may be one other value: with two, one could be a spelling of
    the event.
    """
    if shared := shared_values(columns.event, columns.competing, columns.censored):
        what = f"{some_of(shared)} stands for more than one of event, competing event and censoring"
        raise NeuroFMError(what, where=f"times of {target}", fix="Give each its own values.")
    codes = {columns.event: EVENT} | dict.fromkeys(columns.censored, CENSORED)
    if columns.competing is not None:
        codes[columns.competing] = COMPETING
    counts = Counter(filter(None, map(_text, status)))
    others = counts.keys() - codes.keys()
    for kind, value in (("event", columns.event), ("competing event", columns.competing)):
        likely = nearest(value, others) if value and value not in counts else ""
        if likely or (kind == "event" and others and value not in counts):
            raise NeuroFMError(
                f"no row has the {kind} {value!r}",
                where=f"column {target}",
                fix=f"{likely}Values are {_counted(counts, counts)}.",
            )
    if len(others) == 1 and not columns.censored:
        return codes | {others.pop(): CENSORED}
    if not others:
        return codes
    typos = "".join(f"{text!r}: {likely}" for text in sorted(others) if (likely := nearest(text, codes)))
    raise NeuroFMError(
        f"{target} has values that are not declared",
        where=_counted(others, counts),
        fix=f'{typos}Declare the values of people without an event as "censored" in the task, '
        "or correct the table.",
    )


def _counted(values: Collection[str], counts: Mapping[str, int]) -> str:
    """Return values with their numbers of rows, the most frequent first."""
    order = sorted(values, key=lambda text: (-counts[text], text))
    return some_of([f"{text} ({counts[text]})" for text in order])


def shared_values(event: str, competing: str | None, censored: Sequence[str]) -> tuple[str, ...]:
    """Return the values that stand for more than one of event, competing event and censoring.

    >>> shared_values("1", "2", ["0", "1"]), shared_values("1", None, ["0"])
    (('1',), ())
    """
    values = [event, *([] if competing is None else [competing]), *dict.fromkeys(censored)]
    return tuple(value for value, count in Counter(values).items() if count > 1)


def _judge(cells: tuple[Cell, ...], names: tuple[str, ...], codes: dict[str, int]) -> tuple[str, str]:
    """Return why a row is left out, empty if it is not, and the values to show."""
    time, status, start = cells
    for name, cell in zip(names, cells, strict=True):
        if not _text(cell):
            return f"{name} is missing", "n/a"
    for name, cell in ((names[0], time), (names[2], start)):
        if not math.isfinite(_number(cell)):
            return f"{name} is not a number", _text(cell)
    ended, begun = _number(time), _number(start)
    if ended < 0:
        return f"{names[0]} is negative", _text(time)
    if max(ended, begun) > LONGEST:
        return f"times are longer than {LONGEST:g} years, state them in years", _text(time)
    if ended <= max(begun, 0.0):
        return "follow-up ended when it began or before", f"{begun:g} to {ended:g}"
    return "", _text(status)


def _text(cell: Cell) -> str:
    """Return a cell as text, empty if it is missing; 1 and 1.0 are the same."""
    if cell is None:
        return ""
    text = f"{cell:g}" if isinstance(cell, float | int) else cell.strip()
    return "" if text.lower() in _MISSING else text


def _number(cell: Cell) -> float:
    """Return a cell as a number of seven significant digits, NaN if it is none."""
    try:
        value = float(cell if isinstance(cell, float | int) else _text(cell))
    except ValueError:
        return math.nan
    return float(f"{value:.{_DIGITS}g}")


def people_with(event: int, times: SurvivalTimes, people: NDArray[np.intp]) -> int:
    """Return the number of people with an event."""
    return len(np.unique(people[times.event == event]))
