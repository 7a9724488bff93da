"""Whether the images of a dataset are those that scans were processed from."""

from __future__ import annotations

import contextlib
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from neurofm_bids.bids.sheets import listed
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.records.scan import ScanRecord

if TYPE_CHECKING:
    from neurofm_bids.bids.discovery import Scan
    from neurofm_bids.records.scan import Identity

__all__ = ["SourceImages"]

_Key = tuple[str | None, str | None, str]  # participant, session, name of the image


class SourceImages:
    """The images of a dataset, compared with the inputs of processed scans.

    An image that is not in the dataset, or cannot be read, is not another one.

    Parameters
    ----------
    bids_dir
        Root of the dataset.
    """

    def __init__(self, bids_dir: Path) -> None:
        self._bids_dir = bids_dir
        self._is_other: dict[_Key, bool] = {}  # of the images that exist

    def compare(self, record: ScanRecord) -> None:
        """Compare the image at the path of a scan with the one that it was processed from."""
        path, source = self._bids_dir / record.scan.path, record.provenance.input
        with contextlib.suppress(OSError):
            if source is not None and path.is_file():
                self._is_other[_key(record.scan)] = not source.is_in(path)

    def is_other(self, scan: Identity | Scan) -> bool:
        """Tell whether the image of a scan in the dataset was found to be another one."""
        return self._is_other.get(_key(scan), False)

    def warning(self) -> str:
        """Return a sentence on the scans of which the dataset has another image; empty if there are none.

        Raises
        ------
        NeuroFMError
            That is so for all that were compared.
        """
        others = [name for (_, _, name), is_other in self._is_other.items() if is_other]
        if others and len(others) == len(self._is_other):
            raise NeuroFMError(
                "none of the images in the dataset is the one that was processed",
                where=self._bids_dir,
                fix="Use the dataset that was processed, or run the participant level with this one.",
                code=Exit.NO_INPUT,
            )
        if not others:
            return ""
        return (
            f"Ages and other covariates are not joined to {len(others)} of {len(self._is_other)} scans: the "
            f"dataset has another image than the one that was processed ({listed(others)})."
        )


def _key(scan: Identity | Scan) -> _Key:
    return scan.subject, scan.session, PurePath(scan.path).name
