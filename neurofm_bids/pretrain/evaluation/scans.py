"""The scans of a dataset: which are evaluated, which are not and why, and work on each of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from neurofm_bids.bids.discovery import Scan, find_scans
from neurofm_bids.config import Config
from neurofm_bids.errors import NeuroFMError, with_fix

__all__ = ["evaluate_each", "in_processes", "select_scans"]

_log = logging.getLogger("neurofm_bids")
_Call = TypeVar("_Call")
_Result = TypeVar("_Result")
_Evaluated = TypeVar("_Evaluated")


def select_scans(bids_dir: Path, out: Path) -> tuple[Sequence[Scan], dict[str, str]]:
    """Return every T1w of a dataset, and why there is none or it cannot be used, by name.

    Raises
    ------
    NeuroFMError
        There is no dataset, or the output folder is inside it.
    """
    root, out = bids_dir.absolute(), out.absolute()
    if out.is_relative_to(root) and not out.is_relative_to(root / "derivatives"):
        raise NeuroFMError("the output folder is inside the dataset", where=out, fix="Use another folder.")
    selection = find_scans(Config(bids_dir=root, out_dir=out))
    without_scan = [participant for participant in selection.skipped if participant.scan is None]
    refused = {bad.path.name: with_fix(bad.reason, bad.fix) for bad in (*selection.refused, *without_scan)}
    return selection.scans, refused


def in_processes(
    function: Callable[[_Call], _Result], calls: Sequence[_Call], count: int
) -> Iterator[_Result | NeuroFMError]:
    """Yield the result of a function for each argument, or why there is none, computed in some processes."""
    if count == 1:
        yield from (_result(function, call) for call in calls)
        return
    with ProcessPoolExecutor(count, mp_context=get_context("forkserver")) as pool:
        for future in [pool.submit(_result, function, call) for call in calls]:
            try:
                yield future.result()
            except BrokenProcessPool:
                yield NeuroFMError(
                    "a worker process was killed, possibly for lack of memory",
                    fix="Run the command again with fewer --nprocs.",
                )


def _result(function: Callable[[_Call], _Result], call: _Call) -> _Result | NeuroFMError:
    try:
        return function(call)
    except NeuroFMError as error:
        return error


def evaluate_each(
    scans: Sequence[Scan],
    prepared: Iterable[_Result | NeuroFMError],
    evaluate: Callable[[Scan, _Result], _Evaluated],
    refused: Mapping[str, str],
) -> tuple[list[_Evaluated], dict[str, str]]:
    """Evaluate what was prepared of each scan; return the results, and the failures by name of the scan."""
    evaluated, failed = [], dict(refused)
    for scan, given in zip(scans, prepared, strict=True):
        try:
            if isinstance(given, NeuroFMError):
                raise given
            evaluated.append(evaluate(scan, given))
            _log.info("%s: evaluated", scan.stem)
        except NeuroFMError as error:
            failed[scan.stem] = str(error)
            _log.error("%s: %s", scan.stem, error)
    return evaluated, failed
