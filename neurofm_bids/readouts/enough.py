"""Whether there are enough people for a task; refused with the reason if not."""

from __future__ import annotations

import numpy as np

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.assembly import Assembled
from neurofm_bids.readouts.cross_validation import Scheme
from neurofm_bids.readouts.folds import blocks_with, first_rows
from neurofm_bids.readouts.losses import with_losses
from neurofm_bids.readouts.task import Task

__all__ = [
    "LEAST_OF_CLASS",
    "LEAST_OF_LEVEL",
    "LEAST_OF_VALUES",
    "LEAST_SITES",
    "check_enough",
    "check_sites",
]

LEAST_OF_VALUES = 20  # people with a value
LEAST_OF_CLASS, LEAST_OF_LEVEL = 10, 5  # people of each class, and of each of several ordered ones
LEAST_SITES = 3


def check_enough(found: Assembled, task: Task, scheme: Scheme) -> None:
    """Raise if there are too few people for nested cross-validation.

    Raises
    ------
    NeuroFMError
        There are; the message gives the numbers, and why people who have the target do not remain.
    """
    try:
        _check(found, task, scheme)
    except NeuroFMError as error:
        raise with_losses(error, found.losses) from None


def _check(found: Assembled, task: Task, scheme: Scheme) -> None:
    people = found.samples.people
    firsts = first_rows(people)
    target = found.samples.target[firsts]
    if found.classes:
        _check_classes(task, found.classes, np.bincount(target.astype(np.intp), minlength=len(found.classes)))
        _check_blocks(found, task)
    elif len(firsts) < LEAST_OF_VALUES:
        have = f"there are {len(firsts)} people with a value of {task.target}, and "
        text = f"{'' if found.losses else have}{LEAST_OF_VALUES} are needed"
        raise _refused(task, text, "Add people.")
    elif np.ptp(target.reshape(len(firsts), -1)[:, 0]) == 0:
        raise _refused(task, f"all people have the same {task.target}", "Check the column.")
    if task.leave_site_out:
        check_sites(found, task, scheme)


def _check_classes(task: Task, classes: tuple[str, ...], counts: np.ndarray) -> None:
    least = LEAST_OF_LEVEL if task.kind == "ordinal" else LEAST_OF_CLASS
    few = [f"{n} with {name}" for name, n in zip(classes, counts, strict=True) if n < least]
    if few or counts.sum() < 2 * LEAST_OF_CLASS:
        numbers = ", ".join(f"{n} with {name}" for name, n in zip(classes, counts, strict=True))
        text = (
            f"there are too few people by value of {task.target} ({numbers}); at least {least} of each and "
            f"{2 * LEAST_OF_CLASS} in all are needed"
        )
        raise _refused(task, text, "Add people, or leave values out by listing others in classes.")


def _check_blocks(found: Assembled, task: Task) -> None:
    """Raise if the people of a class are in too few groups to be in every fold."""
    samples = found.samples
    if samples.together is None:
        return
    least = LEAST_OF_LEVEL if task.kind == "ordinal" else LEAST_OF_CLASS
    counts = blocks_with(samples.together, samples.target.astype(np.intp), len(found.classes))
    if counts.min() < least:
        name = found.classes[int(counts.argmin())]
        text = f"people with {name} are in {counts.min()} groups by {task.groups}, and {least} are needed"
        raise _refused(task, f"{text} since groups are not split", "Add people, or leave out groups.")


def check_sites(found: Assembled, task: Task, scheme: Scheme) -> None:
    """Raise if sites cannot be left out one at a time."""
    samples = found.samples
    if not task.site:
        raise _refused(task, "leave_site_out needs the column of the site", "Add site to the task.")
    if len(found.sites) < LEAST_SITES:
        text = f"there are {len(found.sites)} sites, and leaving sites out needs {LEAST_SITES}"
        raise _refused(task, text, "Use leave_site_out = false.")
    for numbers, what in ((samples.people, "people"), (samples.blocks, f"groups by {task.groups}")):
        pairs = np.unique(np.stack([numbers, samples.sites]), axis=1)
        if pairs.shape[1] > len(np.unique(numbers)):
            raise _refused(task, f"some {what} were scanned at several sites", "Use leave_site_out = false.")
    if not found.classes:
        return
    for number, site in enumerate(found.sites):
        train = samples.take(samples.sites != number)
        counts = blocks_with(train.blocks, train.target.astype(np.intp), len(found.classes))
        if counts.min() < scheme.folds:
            few = found.classes[int(counts.argmin())]
            what = "people" if samples.together is None else f"groups by {task.groups}"
            text = f"without the site {site} there are {counts.min()} {what} with {task.target} {few}"
            raise _refused(task, f"{text}, and {scheme.folds} are needed", "Use leave_site_out = false.")


def _refused(task: Task, what: str, fix: str) -> NeuroFMError:
    return NeuroFMError(what, where=f"task {task.name}", fix=fix)
