"""Whether the images of a dataset are those that scans were processed from."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from neurofm_bids.bids.sheets import listed
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.storage.atomic import status_version

if TYPE_CHECKING:
    from neurofm_bids.bids.discovery import Scan
    from neurofm_bids.records.scan import Identity, Input

__all__ = ["Comparison", "SourceImages"]

_Key = tuple[str | None, str | None, str]  # participant, session, name of the image


@dataclass(frozen=True)
class Comparison:
    """Whether a version of the image of a scan is another one than the one that was processed."""

    version: tuple[int, ...]
    is_other: bool


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
        self.compare_with(record.scan, record.provenance.input)

    def compare_with(
        self, scan: Identity, source: Input | None, known: Comparison | None = None
    ) -> Comparison | None:
        """Compare the image at the path of a scan with the one that it was processed from.

        Parameters
        ----------
        source
            The image that was processed, None for one without a file.
        known
            An earlier result, which holds if the image is still of that version.

        Returns
        -------
        The result; None if there is nothing to compare.
        """
        path = os.path.join(self._bids_dir, scan.path)  # noqa: PTH118 -- fast
        with contextlib.suppress(OSError, ValueError):  # a record may hold what no path can be
            status = os.stat(path)  # noqa: PTH116 -- fast
            if source is not None and stat.S_ISREG(status.st_mode):
                version = status_version(status)
                is_known = known is not None and known.version == version
                result = known if known and is_known else Comparison(version, not source.is_in(Path(path)))
                self._is_other[_key(scan)] = result.is_other
                return result
        return None

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
        others = sorted(name for (_, _, name), is_other in self._is_other.items() if is_other)
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
    return scan.subject, scan.session, os.path.basename(scan.path)  # noqa: PTH119 -- fast
