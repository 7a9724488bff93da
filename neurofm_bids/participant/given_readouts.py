"""The readouts that a run applies to its scans, checked before it processes any."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.readouts.bundled import FOLDER, bundled_readouts
from neurofm_bids.readouts.compatibility import refusal
from neurofm_bids.readouts.file import read_readout
from neurofm_bids.readouts.readout import Readout
from neurofm_bids.records.origin import Origin
from neurofm_bids.records.score_columns import overlapping

__all__ = ["given_readouts"]

_FLAG = "--readouts"


def given_readouts(paths: Sequence[Path], origin: Origin, bundled: Path = FOLDER) -> tuple[Readout, ...]:
    """Return the readouts of some files, after those of the package that none of them replaces.

    Parameters
    ----------
    origin
        How the run makes features.
    bundled
        Folder of the readouts of the package; one whose name a file has is replaced by it.

    Raises
    ------
    NeuroFMError
        A file cannot be used, was fitted on features that were made otherwise, or has the name of another.
    """
    readouts = tuple(_readout(path, origin) for path in paths)
    names = [readout.task.name for readout in readouts]
    if pair := next(overlapping(names), None):
        raise NeuroFMError(
            f"the columns of two readouts would be the same ({' and '.join(pair)})",
            where=_FLAG,
            fix="Leave one out, or fit it again under another name.",
            code=Exit.USAGE,
        )
    own = bundled_readouts(origin, bundled)
    kept = (one for one in own if not any(any(overlapping([one.task.name, name])) for name in names))
    return tuple(chain(kept, readouts))


def _readout(path: Path, origin: Origin) -> Readout:
    readout = read_readout(path)
    if why := refusal(readout, origin):
        raise NeuroFMError(
            f"the readout {readout.task.name} cannot be used in this run: {why}",
            where=path,
            fix="Use the settings of its training, or fit it again on scans of this run.",
        )
    return readout
