"""How volumes were made: what has to be alike where they are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic.dataclasses import dataclass

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.records.schema import RECORD

__all__ = ["Origin", "make_origin", "one_origin", "origin_of"]

_OF_ANATOMY = "anatomy_phases"  # counts only for volumes that were measured
_WHETHER_ANATOMY = "no_anatomy"  # changes which volumes there are, but none of them


@dataclass(frozen=True, config=RECORD)
class Origin:
    """Weights, pipeline version and settings of volumes.

    Parameters
    ----------
    pipeline_version
        Of NeuroFM-BIDS.
    weights_sha256
        Of the model.
    anatomy_weights_sha256
        Of the segmentation; None without segmentation.
    parameters
        Settings that change volumes, by name.
    """

    pipeline_version: int
    weights_sha256: str
    anatomy_weights_sha256: str | None
    parameters: Mapping[str, Any]

    def difference(self, other: Origin) -> str:
        """Return how volumes were made otherwise than others; empty if they can be compared.

        Volumes of the segmentation are compared only where both have any.
        """
        if other.pipeline_version != self.pipeline_version:
            return f"made by pipeline version {self.pipeline_version}, not {other.pipeline_version}"
        if other.weights_sha256 != self.weights_sha256:
            return "made with other weights of the model"
        segmentations = {self.anatomy_weights_sha256, other.anatomy_weights_sha256} - {None}
        if len(segmentations) > 1:
            return "made with other weights of the segmentation"
        both = self.parameters.keys() & other.parameters.keys()
        settings = (
            f"made with --{name.replace('_', '-')} {self.parameters[name]}, not {other.parameters[name]}"
            for name in sorted(both)
            if self.parameters[name] != other.parameters[name]
        )
        return next(settings, "")


def make_origin(
    pipeline_version: int,
    weights_sha256: str,
    anatomy_weights_sha256: str | None,
    parameters: Mapping[str, Any],
) -> Origin:
    """Return how volumes were made, with those of all settings that change volumes.

    >>> make_origin(1, "aa", None, {"views": 8, "no_anatomy": True, "anatomy_phases": 2}).parameters
    {'views': 8}
    """
    without = {_WHETHER_ANATOMY} if anatomy_weights_sha256 else {_WHETHER_ANATOMY, _OF_ANATOMY}
    kept = {name: value for name, value in parameters.items() if name not in without}
    return Origin(pipeline_version, weights_sha256, anatomy_weights_sha256, kept)


def origin_of(record: ScanRecord) -> Origin:
    """Return how the volumes of a scan were made."""
    made, anatomy = record.provenance, record.anatomy
    sha256 = anatomy.weights_sha256 if anatomy else None
    return make_origin(made.pipeline_version, made.model.weights_sha256, sha256, made.parameters)


def one_origin(origins: Sequence[Origin], what: str) -> Origin:
    """Return how all of some scans were made.

    Parameters
    ----------
    origins
        Of the scans, at least one.
    what
        What cannot be done otherwise, the beginning of a sentence.

    Raises
    ------
    NeuroFMError
        Some scans were made differently.
    """
    # A scan without segmentation agrees with any segmentation, so one with it stands for all.
    origin = max(origins, key=lambda origin: origin.anatomy_weights_sha256 is not None)
    if why := next(filter(None, map(origin.difference, origins)), ""):
        raise NeuroFMError(
            f"{what} scans that were made differently: some were {why}",
            fix="Run the participant level again for all of them.",
        )
    return origin
