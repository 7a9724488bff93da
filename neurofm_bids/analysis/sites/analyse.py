"""The tables of the sites of a cohort: their effects before and after harmonisation, and harmonised values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from neurofm_bids import __version__
from neurofm_bids.analysis.result import Result
from neurofm_bids.analysis.scans import PARTICIPANT, SCAN, SESSION, Scans
from neurofm_bids.analysis.sites.covariates import text_column
from neurofm_bids.analysis.sites.effects import LEAST_OF_SITE, site_effects
from neurofm_bids.analysis.sites.model import (
    SiteModel,
    harmonise,
    learn_sites,
    read_sites,
    with_new_sites,
    write_sites,
)
from neurofm_bids.analysis.sites.recognition import site_recognition
from neurofm_bids.analysis.sites.settings import SitesSettings
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.threads import one_thread
from neurofm_bids.records.columns import feature_columns
from neurofm_bids.storage.text import some_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["analyse"]

_FEATURES, _MEASURES = "features", "measures"
_BOUNDED = "1"  # units of probabilities and ranks, which a shift could take out of their range


@dataclass(frozen=True)
class _Block:
    """Values of one kind in the order of the scans, with the columns of the table beside them."""

    kind: str
    table: pd.DataFrame
    columns: tuple[str, ...]


def analyse(scans: Scans, settings: SitesSettings, site: str | None) -> Result | None:
    """Return the tables ``sites`` and, if asked for, ``harmonised``; None where no two sites can be compared.

    Covariates that no scan has are left out, and a remark says so. A cohort that cannot be harmonised gets
    the effects before harmonisation, and the reason as a remark.

    Parameters
    ----------
    site
        Column of the site.

    Raises
    ------
    NeuroFMError
        The file of an earlier harmonisation cannot be read, or a file cannot be written.
    """
    if site is None or site not in scans.table:
        return None
    cells = text_column(scans.table, site)[scans.included]
    counts = np.unique(cells[cells != ""], return_counts=True)[1]
    if np.count_nonzero(counts >= LEAST_OF_SITE) < 2 and settings.model is None:
        return None
    preserve, absent = _known(scans, settings.preserve)
    smooth = tuple(name for name in settings.smooth if name in preserve)
    remarks = [f"Not known of any scan, so not preserved between sites: {', '.join(absent)}."] if absent else []
    with one_thread():
        blocks = _blocks(scans, settings, site)
        stages, made, more = _harmonised(scans, blocks, settings, site, preserve, smooth)
        rows = [
            _effects(scans, block, stage, site, preserve, smooth)
            for stage, of_stage in stages.items()
            for block in of_stage
        ]
        rows += _recognised(scans, blocks, site, preserve, smooth)
    tables = {"sites": _joined(rows)}
    if made is not None:
        tables["harmonised"] = made
    return Result(tables, (*remarks, *more))
