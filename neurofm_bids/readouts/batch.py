"""Fitting several tasks to one cohort: in parallel, resumed after an interruption, corrected together."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from logging.handlers import QueueHandler
from multiprocessing import get_context
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import numpy as np
import numpy.typing as npt

from neurofm_bids.errors import MEMORY_FIX, Exit, NeuroFMError
from neurofm_bids.readouts.consistency import check_consistency
from neurofm_bids.readouts.cross_validation import Scheme
from neurofm_bids.readouts.file import read_readout, write_readout
from neurofm_bids.readouts.fit import NOT_OF_SCANS, fingerprint_of, fit
from neurofm_bids.readouts.permutation import holm
from neurofm_bids.readouts.readout import Readout
from neurofm_bids.readouts.task import Task
from neurofm_bids.records.origin import Origin
from neurofm_bids.resources import end_with_parent

__all__ = ["Data", "Outcomes", "fit_tasks", "readout_path"]

_log = logging.getLogger(__name__)
_STANDARD = Scheme()
_data: Data | None = None  # of a worker process, which gets it once


@dataclass(frozen=True)
class Data:
    """What the tasks of one cohort share: the arguments of :func:`~neurofm_bids.readouts.fit.fit`."""

    features: npt.NDArray[np.float64]
    table: Mapping[str, Any]
    names: tuple[str, ...]
    predictions: npt.NDArray[np.float64] | None = None
    dataset: str = ""
    origin: Origin = NOT_OF_SCANS
    license: str | None = None
    categories: frozenset[str] = frozenset()
    scheme: Scheme = _STANDARD


@dataclass(frozen=True)
class Outcomes:
    """Readouts, with corrected p-values, and refused tasks by name, in the order of the tasks."""

    readouts: Mapping[str, Readout]
    refused: Mapping[str, NeuroFMError]


def readout_path(folder: Path, name: str) -> Path:
    """Return the file of a readout."""
    return folder / f"{name}.json"


def fit_tasks(data: Data, tasks: Sequence[Task], folder: Path, processes: int = 1) -> Outcomes:
    """Fit tasks and write a file for each; those whose file is of an equal fit are not fitted again.

    A task that cannot be fitted, or whose readout its file cannot hold, is refused; others are not affected.
    P-values are corrected over all tasks that are not refused. Files do not have corrected ones: a readout
    and its digest do not depend on the other tasks. Equal data and tasks give equal files,
    whatever the number of processes.

    Parameters
    ----------
    folder
        Of the files, which are named after the tasks.
    processes
        Tasks that are fitted at once.

    Raises
    ------
    NeuroFMError
        A file cannot be written, or a process was killed.
    """
    found = {task.name: readout for task in tasks if (readout := _finished(data, task, folder))}
    for name in found:
        _log.info("Readout %s: up to date", name)
    refused: dict[str, NeuroFMError] = {}
    todo = [task for task in tasks if task.name not in found]
    for number, (task, outcome) in enumerate(_fitted(data, todo, processes), start=1):
        if isinstance(outcome, NeuroFMError):
            refused[task.name] = outcome
            readout_path(folder, task.name).unlink(missing_ok=True)  # of an earlier fit, to other data
            _log.warning("[%d/%d] readout %s refused: %s", number, len(todo), task.name, outcome)
            continue
        found[task.name] = write_readout(readout_path(folder, task.name), outcome)
        _log.info("[%d/%d] readout %s: %s", number, len(todo), task.name, _main(outcome))
    names = [task.name for task in tasks]
    readouts = _corrected({name: found[name] for name in names if name in found})
    return Outcomes(readouts, {name: refused[name] for name in names if name in refused})


def _finished(data: Data, task: Task, folder: Path) -> Readout | None:
    """Return the readout of a file if it is of an equal fit."""
    path = readout_path(folder, task.name)
    if not path.is_file():
        return None
    try:
        readout = read_readout(path)
        expected = fingerprint_of(task=task, **{k: v for k, v in vars(data).items() if k != "license"})
    except (NeuroFMError, KeyError):
        return None
    is_equal = readout.training.fingerprint == expected and readout.license == data.license
    return readout if is_equal else None


def _fitted(
    data: Data, tasks: Sequence[Task], processes: int
) -> Iterator[tuple[Task, Readout | NeuroFMError]]:
    """Yield tasks as they are finished."""
    if min(processes, len(tasks)) < 2:
        for task in tasks:
            yield task, _fit(data, task)
        return
    yield from _fitted_by_workers(data, tasks, processes)


def _fitted_by_workers(
    data: Data, tasks: Sequence[Task], processes: int
) -> Iterator[tuple[Task, Readout | NeuroFMError]]:
    with ProcessPoolExecutor(
        min(processes, len(tasks)), get_context("forkserver"), initializer=_receive, initargs=(data,)
    ) as pool:
        futures = {pool.submit(_fit_received, task): task for task in tasks}
        try:
            for future in as_completed(futures):
                outcome, records = future.result()
                for record in records:
                    logging.getLogger(record.name).handle(record)
                yield futures[future], outcome
        except BrokenProcessPool as error:
            what = "a process that fitted a readout was killed, probably for lack of memory"
            raise NeuroFMError(what, fix=MEMORY_FIX, code=Exit.SOFTWARE) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _receive(data: Data) -> None:
    global _data
    _data = data
    Thread(target=end_with_parent, daemon=True).start()


def _fit_received(task: Task) -> tuple[Readout | NeuroFMError, list[logging.LogRecord]]:
    """Return what :func:`_fit` does, and what it logged, which the process that started this one shows."""
    assert _data is not None
    records: SimpleQueue[logging.LogRecord] = SimpleQueue()
    root, handler = logging.getLogger(), QueueHandler(records)
    root.addHandler(handler)
    try:
        outcome = _fit(_data, task)
    finally:
        root.removeHandler(handler)
    return outcome, [records.get() for _ in range(records.qsize())]


def _fit(data: Data, task: Task) -> Readout | NeuroFMError:
    """Return the readout of a task as its file will have it, or why there is none."""
    try:
        readout = fit(task=task, **vars(data))
        check_consistency(readout)
    except NeuroFMError as error:
        return error
    return readout


def _corrected(readouts: Mapping[str, Readout]) -> dict[str, Readout]:
    """Return readouts with p-values that are corrected over all of them."""
    known = {name: one.evaluation.p_value for name, one in readouts.items()}
    corrected = holm({name: p for name, p in known.items() if p is not None})
    return {
        name: replace(one, evaluation=replace(one.evaluation, p_corrected=corrected.get(name)))
        for name, one in readouts.items()
    }


def _main(readout: Readout) -> str:
    name, metric = next(iter(readout.evaluation.metrics.items()))
    if metric.value is None:
        return f"{name} not defined"
    low, high = metric.interval95 or (float("nan"), float("nan"))
    return f"{name} {metric.value:.3f} ({low:.3f} to {high:.3f}), {readout.training.description}"
