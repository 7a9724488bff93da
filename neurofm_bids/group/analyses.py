"""The analyses of a cohort, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from neurofm_bids.analysis.age_gap.analyse import analyse as analyse_age_gap
from neurofm_bids.analysis.change.analyse import analyse as analyse_change
from neurofm_bids.analysis.clusters.analysis import analyse as analyse_clusters
from neurofm_bids.analysis.quality.cohort import analyse as analyse_quality
from neurofm_bids.analysis.result import Result
from neurofm_bids.analysis.scans import Scans
from neurofm_bids.analysis.settings import AnalysisSettings
from neurofm_bids.analysis.sites.analyse import analyse as analyse_sites

__all__ = ["ANALYSES", "Analysis", "analyse"]

_log = logging.getLogger(__name__)

Analysis = Callable[[Scans, AnalysisSettings], Result | None]

ANALYSES: tuple[Analysis, ...] = (
    analyse_quality,
    analyse_age_gap,
    analyse_change,
    analyse_sites,
    lambda scans, settings: analyse_clusters(scans, settings.clusters),
)


def analyse(scans: Scans, settings: AnalysisSettings, analyses: Sequence[Analysis] = ANALYSES) -> Result:
    """Return the tables and remarks of all analyses that the scans and settings allow.

    Raises
    ------
    NeuroFMError
        A setting names what the scans do not have.
    """
    settings.columns.check(scans.covariates)
    results = [result for run in analyses if (result := run(scans, settings))]
    remarks = tuple(remark for result in results for remark in result.remarks)
    for remark in remarks:
        _log.info("%s", remark)
    return Result({name: frame for result in results for name, frame in result.tables.items()}, remarks)
