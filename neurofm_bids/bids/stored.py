"""The scans of an output folder, from the names of their files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from neurofm_bids.bids.names import SCAN_OUTPUTS, Derivatives
from neurofm_bids.errors import Exit, NeuroFMError

__all__ = ["StoredScan", "stored_scans"]


@dataclass(frozen=True)
class StoredScan:
    """A scan with files in the output folder."""

    subject: str
    session: str | None
    stem: str


def stored_scans(out: Derivatives, subject: str | None = None) -> Iterator[StoredScan]:
    """Yield the scans, of one participant or all, of which this model has any table or record.

    Raises
    ------
    NeuroFMError
        A folder cannot be read.
    """
    names = [output.ending for output in SCAN_OUTPUTS.values() if "{label}_" in output.ending]
    endings = tuple(f"_{name.format(label=out.label)}" for name in names if name.startswith("desc-"))
    for root in _folders(out.out_dir, "sub-") if subject is None else [out.out_dir / f"sub-{subject}"]:
        label = root.name.removeprefix("sub-")
        for session in (None, *(path.name for path in _folders(root, "ses-"))):
            for stem in _stems((root / session if session else root) / "anat", endings):
                yield StoredScan(label, session and session.removeprefix("ses-"), stem)


def _folders(root: Path, prefix: str) -> list[Path]:
    try:
        with os.scandir(root) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(prefix) and entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unreadable(root, error) from error
    return [root / name for name in sorted(names)]


def _stems(folder: Path, endings: tuple[str, ...]) -> list[str]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 -- names alone, twice as fast as Path.iterdir
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unreadable(folder, error) from error
    visible = (name for name in names if not name.startswith("."))
    return sorted({name.removesuffix(end) for name in visible for end in endings if name.endswith(end)})


def _unreadable(folder: Path, error: OSError) -> NeuroFMError:
    return NeuroFMError(
        f"a folder cannot be read ({error.strerror})",
        where=folder,
        fix="Check the folder and run the command again.",
        code=Exit.IO,
    )
