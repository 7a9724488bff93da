"""From features, a table and a task to the scans of a fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.readouts.columns import PERSON, texts
from neurofm_bids.readouts.covariate_coding import check_coding, coded_rows, coding_of
from neurofm_bids.readouts.exclusions import excluded_rows
from neurofm_bids.readouts.folds import first_rows
from neurofm_bids.readouts.leakage import check_task
from neurofm_bids.readouts.losses import people_left, problems_of, reasons_of, unknown_features, with_losses
from neurofm_bids.readouts.readout import Covariate
from neurofm_bids.readouts.samples import Samples
from neurofm_bids.readouts.targets import Target, code_target
from neurofm_bids.readouts.task import Task
from neurofm_bids.storage.text import nearest, some_of

__all__ = ["Assembled", "assemble", "columns_of"]

_Values = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Assembled:
    """The scans of a fit, and where they come from.

    Parameters
    ----------
    samples
        The scans.
    rows
        Their rows in the table, shape (n,).
    classes
        Names of the classes by their numbers in the target; empty for values.
    covariates
        Coding of the covariates.
    sites
        Names of the sites by their numbers.
    left_out
        Number of scans that are left out, by reason.
    outcomes
        Names of what people are counted by: classes, or events of the kind time-to-event.
    problems
        Which participants are left out for want of a value, and their values, a sentence for each reason.
    losses
        How many people who have the target remain, and why others do not; empty if all do.
    """

    samples: Samples
    rows: _Ints
    classes: tuple[str, ...]
    covariates: tuple[Covariate, ...]
    sites: tuple[str, ...]
    left_out: Mapping[str, int]
    outcomes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    losses: str = ""


def columns_of(task: Task) -> dict[str, str]:
    """Return the columns that a task names, each with the first key of the task that names it."""
    named: dict[str, str] = {}
    for key, columns in _keys(task):
        for column in columns:
            named.setdefault(column, key)
    return named


def _keys(task: Task) -> Iterable[tuple[str, Sequence[str]]]:
    yield "target", (task.target,)
    yield "covariates", task.covariates
    yield "groups", (task.groups,) if task.groups else ()
    yield "site", (task.site,) if task.site else ()
    yield "exclude", tuple(task.exclude)
    if task.times is not None:
        yield "times", tuple(filter(None, (task.times.time, task.times.entry)))


def assemble(
    features: _Values,
    table: Mapping[str, Any],
    task: Task,
    categories: Collection[str] = (),
    names: Sequence[str] = (),
) -> Assembled:
    """Return the scans of a task: those whose features, target, covariates and groups are known.

    Parameters
    ----------
    features
        Shape (n, p).
    table
        Columns by name, n values each; ``participant_id`` tells whose scans they are, by default each
        scan is of another person.
    categories
        Columns whose numbers are codes of classes.
    names
        Of the features, for the reasons why scans are left out; by default their numbers.

    Raises
    ------
    NeuroFMError
        The table has no column that the task names, values are not those of the kind, no scan is left, or a
        covariate holds the target.
    """
    columns = {name: _column(table, name, key, task) for name, key in columns_of(task).items()}
    whose = texts(table[PERSON]) if PERSON in table else tuple(f"row {row}" for row in range(len(features)))
    excluded = excluded_rows(task, columns)
    needed = {name: columns[name] for key, keys in _keys(task) if key != "exclude" for name in keys}
    reasons = reasons_of(needed, whose, excluded, unknown_features(features, names))
    counted = [not task.classes or text in task.classes for text in columns[task.target]]
    has_target = [bool(text) and one for text, one in zip(columns[task.target], counted, strict=True)]
    losses = people_left(whose, has_target, reasons, excluded)
    target = _target(task, {**columns, PERSON: whose}, reasons, excluded, losses)
    is_coded = [bool(row.all()) for row in np.isfinite(target.values.reshape(len(features), -1))]
    reasons = [
        why or ("" if known else own)
        for why, known, own in zip(reasons, is_coded, _own_reasons(target, task, len(reasons)), strict=True)
    ]
    rows = np.array([row for row, why in enumerate(reasons) if not why], dtype=np.intp)
    left_out = dict(sorted(Counter(filter(None, reasons)).items()))
    if not len(rows):
        raise NeuroFMError(
            f"no scan has all that the task needs ({_counted(left_out)})",
            where=f"task {task.name}",
            fix="Check the columns that the task names, and its exclusions.",
        )
    kept = {name: [column[row] for row in rows] for name, column in columns.items()}
    people = np.unique([whose[row] for row in rows], return_inverse=True)[1].astype(np.intp)
    firsts = first_rows(people)
    check_task(task, {name: [column[row] for row in firsts] for name, column in kept.items()})
    covariates = tuple(coding_of(name, kept[name], categories) for name in task.covariates)
    for one in covariates:
        check_coding(task.name, one, kept[one.name], len(firsts), categories)
    site_names, sites = np.unique(kept[task.site] if task.site else [""] * len(rows), return_inverse=True)
    samples = Samples(
        np.ascontiguousarray(features[rows], dtype=np.float64),
        coded_rows(covariates, kept, len(rows)),
        target.values[rows],
        people,
        sites.astype(np.intp),
        task.harmonise,
        _together(people, kept[task.groups]) if task.groups else None,
    )
    return Assembled(
        samples,
        rows,
        target.classes,
        covariates,
        tuple(map(str, site_names)) if task.site else (),
        left_out,
        target.outcomes,
        problems_of(reasons, whose, target.shown, excluded),
        losses,
    )


def _target(
    task: Task,
    columns: Mapping[str, Sequence[str]],
    reasons: Sequence[str],
    excluded: Collection[int],
    losses: str,
) -> Target:
    """Return the target of the rows that can be used; if these alone lack values, say what others lack."""
    column = columns[task.target]
    usable = ["" if why else text for text, why in zip(column, reasons, strict=True)]
    try:
        return code_target(task, usable, columns)
    except NeuroFMError as error:
        if not losses:
            raise
        code_target(task, ["" if row in excluded else text for row, text in enumerate(column)], columns)
        raise with_losses(NeuroFMError(error.what, where=error.where, code=error.code), losses) from error


def _own_reasons(target: Target, task: Task, rows: int) -> Sequence[str]:
    """Return why the target of each row cannot be used, where it cannot."""
    return target.reasons or [f"{task.target} is none of the classes"] * rows


def _column(table: Mapping[str, Any], name: str, key: str, task: Task) -> tuple[str, ...]:
    if name in table:
        return texts(table[name])
    names = [str(column) for column in table]
    raise NeuroFMError(
        f"{key} names the column {name!r}, which the tables do not have",
        where=f"task {task.name}",
        fix=f"{nearest(name, names)}Columns are {some_of(names)}.",
        code=Exit.DATA,
    )


def _together(people: _Ints, groups: Sequence[str]) -> _Ints:
    """Return the number of what is not split: people of one group, and groups of one person, are together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    others, places = np.unique(groups, return_inverse=True)
    count = int(people.max()) + 1
    size = count + len(others)
    links = coo_array((np.ones(len(people)), (people, count + places)), shape=(size, size))
    component = connected_components(links, directed=False)[1][people]
    return np.unique(component, return_inverse=True)[1].astype(np.intp)


def _counted(left_out: Mapping[str, int]) -> str:
    return "; ".join(f"{count}: {reason}" for reason, count in left_out.items())
