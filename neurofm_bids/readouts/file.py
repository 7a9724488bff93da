"""Files of readouts: JSON that is written, read and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurofm_bids.bids.problems import option_problem
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.readouts.consistency import check_consistency
from neurofm_bids.readouts.readout import FORMAT_VERSION, Readout
from neurofm_bids.records.schema import from_json, to_json
from neurofm_bids.records.signature import is_unchanged, signed
from neurofm_bids.storage.atomic import write_json
from neurofm_bids.storage.text import read_json

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
    try:
        values = read_json(path)
    except OSError as error:
        what, fix = option_problem(path, error, "readout", "--readouts", _NEW)
        raise NeuroFMError(what, where=path, fix=fix, code=Exit.USAGE) from error
    except ValueError as error:
        raise NeuroFMError(f"the readout is damaged ({error})", where=path, fix=_NEW) from error
    _check_format(path, values)
    try:
        readout = from_json(Readout, values)
    except NeuroFMError as error:
        reason = error.what.partition("(")[2].removesuffix(")")
        raise NeuroFMError(f"this is not a readout ({reason})", where=path, fix=_NEW) from error
    if not is_unchanged(values):
        raise NeuroFMError("the readout is damaged or was edited", where=path, fix=_NEW)
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
