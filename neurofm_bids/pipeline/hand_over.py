"""What the stage of preprocessing leaves for that of encoding: a folder per scan, complete or not there.

The values are those that pass between steps, in the same formats but with images compressed;
``signature.json`` says of which image and settings they are.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic.dataclasses import dataclass

from neurofm_bids.bids.derivatives import Derivatives, Named
from neurofm_bids.errors import disk_errors
from neurofm_bids.pipeline.step import Kind
from neurofm_bids.records.failure import Failure
from neurofm_bids.records.scan import DerivedImage, Input
from neurofm_bids.records.schema import RECORD, from_json, from_text, to_json, to_text
from neurofm_bids.storage.atomic import write_json, write_text
from neurofm_bids.storage.text import read_json, read_text

__all__ = [
    "Signature",
    "handed_over_path",
    "has_leftovers",
    "interim_folder",
    "read_hand_over_failure",
    "read_signature",
    "remove_hand_over",
    "remove_unfinished",
    "signature_path",
    "waiting_scans",
    "write_hand_over",
    "write_hand_over_failure",
]

_SIGNATURE, _FAILURE = "signature.json", "failure.json"
_TEMPORARY = ".tmp-"  # begins the name of a folder that is being written
_ATTEMPTS = 100


@dataclass(frozen=True, config=RECORD)
class Signature:
    """Of what a scan was preprocessed.

    Parameters
    ----------
    pipeline_version
        See :data:`neurofm_bids.pipeline.steps.PIPELINE_VERSION`.
    input, derived
        The image, and files of other programs.
    parameters
        Settings that change preprocessing, by name.
    sizes
        Bytes of each file, by name.
    """

    pipeline_version: int
    input: Input | None
    derived: tuple[DerivedImage, ...]
    parameters: Mapping[str, Any]
    sizes: Mapping[str, int]


def interim_folder(out_dir: Path | None, scan: Named) -> Path:
    """Return where the stage of preprocessing leaves a scan for that of encoding."""
    assert out_dir is not None
    return Derivatives(out_dir, "").interim(scan)


def signature_path(folder: Path) -> Path:
    """Return the file that is there if a scan has been preprocessed."""
    return folder / _SIGNATURE


def handed_over_path(folder: Path, name: str, kind: Kind) -> Path:
    """Return the file of one value."""
    return folder / f"{name}{kind.packed or kind.extension}"


def write_hand_over(
    folder: Path,
    values: Mapping[str, Any],
    kinds: Mapping[str, Kind],
    *,
    pipeline_version: int,
    parameters: Mapping[str, Any],
) -> Path:
    """Write all values in place of an older folder, and return the path of the signature.

    Only the process that holds the lock of the scan may do this.

    Parameters
    ----------
    folder
        Of the scan.
    values, kinds
        By name; ``input`` and ``derived`` are among them.

    Raises
    ------
    NeuroFMError
        The disk is full or gone.
    """
    new = _unfinished(folder)
    with disk_errors(folder):
        _remove_tree(new)  # of a process that was killed
        _make(new)
        try:
            _fill(new, values, kinds, pipeline_version, parameters)
            _remove_tree(folder)
            new.rename(folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return signature_path(folder)


def _unfinished(folder: Path) -> Path:
    """Return the folder in which the values of a scan are written."""
    return folder.with_name(f"{_TEMPORARY}{folder.name}")


def _make(folder: Path) -> None:
    """Make a folder, while another process may remove the one above it when that is empty."""
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            folder.mkdir(parents=True, exist_ok=True)
            return
    folder.mkdir(parents=True, exist_ok=True)


def _fill(
    folder: Path,
    values: Mapping[str, Any],
    kinds: Mapping[str, Kind],
    pipeline_version: int,
    parameters: Mapping[str, Any],
) -> None:
    sizes = {}
    for name, value in values.items():
        path = handed_over_path(folder, name, kinds[name])
        kinds[name].save(value, path)
        sizes[path.name] = path.stat().st_size
    made = Signature(pipeline_version, values["input"], values["derived"], parameters, sizes)
    write_json(signature_path(folder), to_json(made))


def read_signature(folder: Path) -> Signature | None:
    """Return of what a scan was preprocessed, None if it was not.

    Raises
    ------
    NeuroFMError
        The signature is not valid.
    OSError, ValueError
        It cannot be read, or a file is absent or has another size.
    """
    path = signature_path(folder)
    if not path.is_file():
        return None
    made = from_json(Signature, read_json(path))
    for name, size in made.sizes.items():
        if (folder / name).stat().st_size != size:
            raise ValueError(f"{name} has another size than it was written with")
    return made


def has_leftovers(folder: Path) -> bool:
    """Tell whether anything was left for a scan, complete or half written."""
    return folder.is_dir() or _unfinished(folder).is_dir()


def remove_hand_over(folder: Path) -> None:
    """Remove what was left for a scan, if anything was.

    Only the process that holds the lock of the scan may do this.

    Raises
    ------
    NeuroFMError
        It cannot be removed.
    """
    with disk_errors(folder):
        _remove_tree(folder)
    remove_unfinished(folder)


def remove_unfinished(folder: Path) -> None:
    """Remove what a process that was killed left half written for a scan, if anything was.

    Raises
    ------
    NeuroFMError
        It cannot be removed.
    """
    with disk_errors(folder):
        _remove_tree(_unfinished(folder))
    with contextlib.suppress(OSError):  # others are in it
        folder.parent.rmdir()


def _remove_tree(folder: Path) -> None:
    """Remove a folder if it exists; its signature first, so that half of it never counts."""
    if folder.is_dir():
        signature_path(folder).unlink(missing_ok=True)
        shutil.rmtree(folder)


def write_hand_over_failure(folder: Path, failure: Failure) -> None:
    """Leave why a scan could not be preprocessed, in place of its values.

    Raises
    ------
    NeuroFMError
        The disk is full or gone.
    """
    remove_hand_over(folder)
    with disk_errors(folder):
        _make(folder)
    write_text(folder / _FAILURE, to_text(failure, Failure))


def read_hand_over_failure(folder: Path) -> Failure | None:
    """Return why a scan could not be preprocessed, None if that is not known."""
    try:
        failure: Failure = from_text(Failure, read_text(folder / _FAILURE))
    except (OSError, ValueError):
        return None
    return failure


def waiting_scans(folder: Path) -> set[str]:
    """Return the stems of the scans that wait for the stage of encoding, in the folder of all of them."""
    names = (path.parent.name for path in folder.glob(f"*/{_SIGNATURE}"))
    return {name for name in names if not name.startswith(_TEMPORARY)}
