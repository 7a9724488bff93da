"""One output folder that a cohort comes from, and how its participants are named in the cohort."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.records.scan import Identity

__all__ = ["Source"]

_SUBJECT = "sub-"


@dataclass(frozen=True)
class Source:
    """An output folder, and the dataset of its scans.

    Parameters
    ----------
    out
        The outputs.
    covariates
        Of the dataset; sources of one dataset share them.
    key
        Path from the folder of the group level to this one; empty for itself.
    name
        What the labels of participants get in front, so that those of another dataset are others; empty for
        nothing.
    doubt
        Why the dataset is not known, in a sentence, where that of the folder of the group level is taken for
        it; empty if it is known.
    """

    out: Derivatives
    covariates: Covariates
    key: str = ""
    name: str = ""
    doubt: str = ""

    @property
    def bids_dir(self) -> Path:
        """Root of the dataset."""
        return self.covariates.bids_dir

    def shown(self, stem: str) -> str:
        """Return the stem of a scan, or the path of a folder in the dataset, as the cohort names it."""
        is_renamed = self.name and stem.startswith(_SUBJECT)
        return f"{_SUBJECT}{self.name}{stem.removeprefix(_SUBJECT)}" if is_renamed else stem

    def in_cohort(self, scan: Identity) -> Identity:
        """Return a scan as the cohort names it: the name is in all places of the label of the participant."""
        return _renamed(scan, self.shown, f"{self.name}{scan.subject}") if self.name else scan

    def in_dataset(self, scan: Identity) -> Identity:
        """Return a scan of the cohort as its dataset and its outputs name it."""
        return _renamed(scan, self._own, (scan.subject or "").removeprefix(self.name)) if self.name else scan

    def _own(self, stem: str) -> str:
        start = f"{_SUBJECT}{self.name}"
        return f"{_SUBJECT}{stem.removeprefix(start)}" if stem.startswith(start) else stem


def _renamed(scan: Identity, rename: Callable[[str], str], subject: str) -> Identity:
    path = "/".join(map(rename, PurePosixPath(scan.path).parts))
    entities = {**scan.entities, "sub": subject}
    uri = scan.uri and f"bids:raw:{path}"
    return replace(scan, uri=uri, stem=rename(scan.stem), subject=subject, entities=entities)
