"""The readouts that come with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from neurofm_bids.readouts.compatibility import refusal
from neurofm_bids.readouts.file import read_readout
from neurofm_bids.readouts.readout import Readout
from neurofm_bids.records.origin import Origin

__all__ = ["FOLDER", "bundled_readouts"]

FOLDER = Path(str(files("neurofm_bids"))) / "data" / "readouts"


def bundled_readouts(origin: Origin, folder: Path = FOLDER) -> tuple[Readout, ...]:
    """Return the bundled readouts that can be applied to features made so, by the names of their files.

    Raises
    ------
    NeuroFMError
        A file is damaged.
    """
    readouts = (read_readout(path) for path in sorted(folder.glob("*.json")))
    return tuple(readout for readout in readouts if not refusal(readout, origin))
