"""Files of readouts: JSON that is written, read and checked."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from neurofm_bids.bids.signed_file import read_signed
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.consistency import check_consistency
from neurofm_bids.readouts.readout import FORMAT_VERSION, Readout
from neurofm_bids.records.schema import to_json
from neurofm_bids.records.signature import signed
from neurofm_bids.storage.atomic import write_json

__all__ = ["read_readout", "write_readout"]

_NEW = "Copy the file again, or fit the readout again."


def write_readout(path: Path, readout: Readout) -> Readout:
    """Write a readout as JSON and return it as the file has it, with its digest.

    Raises
    ------
    NeuroFMError
        Its parts do not fit together, or the file cannot be written.
    """
    made = signed(readout)
    check_consistency(made)
    write_json(path, to_json(made), sort_keys=False)
    return made


def read_readout(path: Path) -> Readout:
    """Return the readout of a file.

    Raises
    ------
    NeuroFMError
        The file cannot be read (exit code 64), or is not a whole and unchanged readout of this format (65).
    """
    readout = read_signed(Readout, path, "readout", "--readouts", _NEW, partial(_check_format, path))
    try:
        check_consistency(readout)
    except NeuroFMError as error:
        raise NeuroFMError(error.what, where=path, fix=_NEW) from error
    return readout


def _check_format(path: Path, values: Any) -> None:
    """Raise if a file is of another version of the format; what has no version is refused as no readout."""
    version = values.get("FormatVersion") if isinstance(values, dict) else None
    if isinstance(version, int) and version != FORMAT_VERSION:
        raise NeuroFMError(
            f"the readout has format version {version}, and this version of NeuroFM-BIDS reads "
            f"{FORMAT_VERSION}",
            where=path,
            fix="Use the version of NeuroFM-BIDS that wrote it, or fit the readout again.",
        )
