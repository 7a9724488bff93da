"""The analyses of a cohort, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from neurofm_bids.analysis.age_gap.analyse import analyse as analyse_age_gap
from neurofm_bids.analysis.change.analyse import analyse as analyse_change
from neurofm_bids.analysis.clusters.analysis import analyse as analyse_clusters
from neurofm_bids.analysis.quality.cohort import analyse as analyse_quality
from neurofm_bids.analysis.result import Result
from neurofm_bids.analysis.scans import Scans
from neurofm_bids.analysis.setting_checks import check_settings
from neurofm_bids.analysis.settings import AnalysisSettings
from neurofm_bids.analysis.sites.analyse import analyse as analyse_sites
from neurofm_bids.errors import NeuroFMError

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


def analyse(
    scans: Scans,
    settings: AnalysisSettings,
    analyses: Sequence[Analysis] = ANALYSES,
    path: Path | None = None,
) -> Result:
    """Return the tables and remarks of all analyses that the scans and settings allow.

    An unexpected error in one of them is logged and among the remarks; the others go on.

    Parameters
    ----------
    path
        The file of the settings, whose lines messages name.

    Raises
    ------
    NeuroFMError
        A setting names what the scans do not have.
    """
    check_settings(scans, settings, path)
    results = [result for run in analyses if (result := _guarded(run, scans, settings))]
    remarks = tuple(remark for result in results for remark in result.remarks)
    for remark in remarks:
        _log.info("%s", remark)
    tables = {name: frame for result in results for name, frame in result.tables.items()}
    return Result(tables, remarks, tuple(name for result in results for name in result.failed))


def _guarded(run: Analysis, scans: Scans, settings: AnalysisSettings) -> Result | None:
    """Return the result of an analysis, or that it failed."""
    try:
        return run(scans, settings)
    except NeuroFMError:
        raise
    except Exception as error:
        name = run.__module__.removeprefix("neurofm_bids.analysis.").partition(".")[0].replace("_", " ")
        _log.exception("The analysis of %s failed.", name)
        why = f"{type(error).__name__}: {error}"
        remark = f"The analysis of {name} failed with an unexpected error ({why}): please report it."
        return Result(remarks=(remark,), failed=(name,))
