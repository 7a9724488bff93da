"""The scans of an output folder, from the names of their files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.entities import is_hidden
from neurofm_bids.bids.names import SCAN_OUTPUTS
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.overlap import overlapped

__all__ = ["StoredScan", "stored_scans"]


@dataclass(frozen=True)
class StoredScan:
    """A scan with files in the output folder.

    Parameters
    ----------
    subject, session, stem
        Labels without prefix, and what the names of its files begin with.
    is_finished
        Whether it has a sidecar, which a failure removes.
    source
        Path from the folder of the group level to the output folder that has the files; empty for itself.
    """

    subject: str
    session: str | None
    stem: str
    is_finished: bool = field(default=False, compare=False)
    source: str = ""


def stored_scans(out: Derivatives, subject: str | None = None, *, source: str = "") -> Iterator[StoredScan]:
    """Return the scans, of one participant or all, of which this model has any table or record.

    Parameters
    ----------
    source
        That the scans get.

    Raises
    ------
    NeuroFMError
        A folder cannot be read.
    """
    names = [output.ending for output in SCAN_OUTPUTS.values() if "{label}_" in output.ending]
    endings = tuple(f"_{name.format(label=out.label)}" for name in names if name.startswith("desc-"))
    sidecar = f"_{SCAN_OUTPUTS['sidecar'].ending.format(label=out.label)}"

    def scans_of(root: str) -> list[StoredScan]:
        folder, scans = out.out_dir / root, []
        for session in (None, *_names(folder, "ses-")):
            names = _names((folder / session if session else folder) / "anat")
            labels = root.removeprefix("sub-"), session and session.removeprefix("ses-")
            scans += [
                StoredScan(*labels, stem, f"{stem}{sidecar}" in names, source)
                for stem in _stems(names, endings)
            ]
        return scans

    roots = _names(out.out_dir, "sub-") if subject is None else [f"sub-{subject}"]
    return chain.from_iterable(overlapped(scans_of, roots))


def _stems(names: list[str], endings: tuple[str, ...]) -> list[str]:
    shown = (name for name in names if name.endswith(endings) and not is_hidden(name))
    return sorted({name.removesuffix(end) for name in shown for end in endings if name.endswith(end)})


def _names(root: Path, prefix: str = "") -> list[str]:
    """Return the names in a folder, or those of its folders with a prefix; none where there is no folder."""
    try:
        with os.scandir(root) as entries:
            return sorted(e.name for e in entries if not prefix or (e.name.startswith(prefix) and e.is_dir()))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise NeuroFMError(
            f"a folder cannot be read ({error.strerror})",
            where=root,
            fix="Check the folder and run the command again.",
            code=Exit.IO,
        ) from error
