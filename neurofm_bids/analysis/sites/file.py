"""The file of the harmonisation of a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from pydantic.dataclasses import dataclass

from neurofm_bids.analysis.sites.model import SiteModel
from neurofm_bids.bids.signed_file import read_signed
from neurofm_bids.records.origin import Origin
from neurofm_bids.records.schema import RECORD, to_json
from neurofm_bids.records.signature import signed
from neurofm_bids.storage.atomic import write_json

__all__ = ["SitesFile", "read_sites", "write_sites"]


@dataclass(frozen=True, config=RECORD)
class SitesFile:
    """A file of the harmonisation of a cohort.

    Parameters
    ----------
    version
        Of NeuroFM-BIDS.
    origin
        How the values were made; only values made so can be harmonised by it. None where that is not known.
    models
        By what they harmonise: ``features`` or ``measures``.
    digest
        SHA-256 of all other fields.
    """

    version: str
    origin: Origin | None
    models: Mapping[str, SiteModel]
    digest: str = field(default="")


def write_sites(
    path: Path, models: Mapping[str, SiteModel], version: str, origin: Origin | None = None
) -> None:
    """Write a harmonisation as JSON.

    Raises
    ------
    NeuroFMError
        The file cannot be written.
    """
    write_json(path, to_json(signed(SitesFile(version, origin, models))), sort_keys=False)


def read_sites(path: Path) -> SitesFile:
    """Return the harmonisation of a file.

    Raises
    ------
    NeuroFMError
        The file cannot be read (exit code 64), or is not a whole and unchanged harmonisation (65).
    """
    key = "the key model of the table sites"
    return read_signed(SitesFile, path, "harmonisation", key, "Make it again with save.")
