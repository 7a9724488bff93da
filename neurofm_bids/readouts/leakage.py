"""Covariates that hold the target, under its name or another, or follow from it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from neurofm_bids.bids.sheets import text_of
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.columns import numbers
from neurofm_bids.readouts.task import Task

__all__ = ["check_covariates", "check_task", "follows_from"]

_Values = npt.NDArray[np.float64]
_CHANCE = math.log(1e-6)  # below this probability, an exact relation is no accident
_COPY = 0.99  # correlation from which a number is a copy of another
_ENOUGH = 10  # people from which a correlation says that a number is a copy
_EXPLAINED = 0.99  # adjusted share of the target's variance that covariates explain together


def check_task(task: Task, columns: Mapping[str, Sequence[str]]) -> None:
    """Raise if a covariate of a task is its target, or a time to its event, or follows from one.

    Parameters
    ----------
    columns
        Texts of the columns that the task names, one per person, all known.

    Raises
    ------
    NeuroFMError
        As :func:`check_covariates`.
    """
    covariates = {name: columns[name] for name in task.covariates}
    check_covariates(task.name, task.target, columns[task.target], covariates)
    if task.times is None:
        return
    time = task.times.time
    check_covariates(task.name, time, columns[time], covariates, kind="time")
    if task.times.entry is not None:
        followed = _difference(columns[time], columns[task.times.entry])
        name = f"{time} - {task.times.entry}"
        check_covariates(task.name, name, followed, covariates, kind="time")


def _difference(one: Sequence[str], other: Sequence[str]) -> Sequence[str]:
    return [text_of(float(a) - float(b)) for a, b in zip(one, other, strict=True)]


def check_covariates(
    task_name: str,
    target_name: str,
    target: Sequence[str],
    covariates: Mapping[str, Sequence[str]],
    kind: str = "target",
) -> None:
    """Raise if a covariate is the target, determines it, or is determined by it.

    Regressing such a covariate out of the features would use the target itself, and so would a comparison
    with covariates.

    Parameters
    ----------
    target
        Texts, one per person.
    covariates
        Texts by column, one per person, all known.
    kind
        What the target is, for the message.

    Raises
    ------
    NeuroFMError
        That is so; the message names the covariate.
    """
    for name, column in covariates.items():
        if why := _relation(target_name, target, name, column):
            raise NeuroFMError(
                f"the covariate {name} {why} the {kind} {target_name}",
                where=f"task {task_name}",
                fix="Remove it from the covariates of the task.",
            )
    coded = [_coded(column) for column in covariates.values()]
    if coded and _explained(_coded(target), np.hstack(coded)) > _EXPLAINED:
        raise NeuroFMError(
            f"the covariates {', '.join(covariates)} together determine the {kind} {target_name}",
            where=f"task {task_name}",
            fix="Remove one of them from the covariates of the task.",
        )


def _relation(target_name: str, target: Sequence[str], name: str, column: Sequence[str]) -> str:
    if name.lower() == target_name.lower():
        return "is"
    one, other = numbers(target), numbers(column)
    if one is not None and other is not None and len(one) >= _ENOUGH and one.std() and other.std():
        r = abs(float(np.corrcoef(one, other)[0, 1]))
        if r >= _COPY:
            return f"is nearly a copy (r = {r:.3f}) of"
    if follows_from(target, column):
        return "determines"
    return "is determined by" if follows_from(column, target) else ""


def follows_from(effect: Sequence[str], cause: Sequence[str]) -> bool:
    """Tell whether one column is a function of another, and not by chance.

    It is if each value of the cause has one value of the effect, or if, in order of a numeric cause, the
    values of the effect increase, decrease, or form one block each; and if fewer than one in a million
    orders of the effect would be so.

    >>> follows_from(["a", "b"] * 15, ["1", "2"] * 15), follows_from(["a", "b"] * 15, list("xy" * 14 + "xx"))
    (True, False)
    """
    if len(set(effect)) < 2 or len(set(cause)) < 2:
        return False
    if not _is_function(effect, cause):
        return False
    orders, values = _log_orders(effect), len(set(effect))
    if math.log(values) * len(set(cause)) - orders < _CHANCE:
        return True
    by_cause = numbers(cause)
    if by_cause is None:
        return False
    if math.lgamma(values + 1) - orders < _CHANCE and _is_in_blocks(effect, by_cause):
        return True
    return math.log(2) - orders < _CHANCE and _is_monotone(numbers(effect), by_cause)


def _log_orders(effect: Sequence[str]) -> float:
    """Return the logarithm of the number of different orders of a column."""
    counts = np.unique(np.array(effect), return_counts=True)[1]
    return math.lgamma(len(effect) + 1) - sum(math.lgamma(int(n) + 1) for n in counts)


def _is_function(effect: Sequence[Hashable], cause: Sequence[Hashable]) -> bool:
    return len(set(zip(effect, cause, strict=True))) == len(set(cause))


def _is_in_blocks(effect: Sequence[str], cause: _Values) -> bool:
    """Tell whether ranges of the cause, without overlap, have one value of the effect each."""
    values = np.array(effect)
    ends = sorted((cause[values == one].min(), cause[values == one].max()) for one in set(effect))
    return all(first[1] < second[0] for first, second in pairwise(ends))


def _is_monotone(effect: _Values | None, cause: _Values) -> bool:
    if effect is None:
        return False
    steps = np.diff(effect[np.argsort(cause)])
    return bool(np.all(steps >= 0) or np.all(steps <= 0))


def _coded(column: Sequence[str]) -> _Values:
    """Return a column as numbers, shape (n, 1), or as one column of 0 and 1 for each level but the first."""
    values = numbers(column)
    if values is not None:
        return values[:, None]
    texts = np.array(column)
    return np.asarray(texts[:, None] == np.unique(texts)[1:], dtype=np.float64)


def _explained(target: _Values, covariates: _Values) -> float:
    """Return the adjusted share of the target's variance that covariates explain, least over its columns."""
    rows, width = covariates.shape
    design = np.hstack([covariates - covariates.mean(axis=0), np.ones((rows, 1))])
    if rows < 2 * width + 10:
        return 0.0
    centred = target - target.mean(axis=0)
    left = centred - design @ np.linalg.lstsq(design, centred, rcond=None)[0]
    total = np.square(centred).sum(axis=0)
    shares = np.square(left).sum(axis=0) / np.where(total > 0, total, np.inf)
    return float(1 - shares.max(initial=0) * (rows - 1) / (rows - width - 1))
