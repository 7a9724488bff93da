"""The tables of the sites of a cohort: effects before and after harmonisation, and harmonised values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurofm_bids import __version__
from neurofm_bids.analysis.design import LEAST_KNOWN
from neurofm_bids.analysis.result import Result
from neurofm_bids.analysis.scans import PARTICIPANT, SCAN, SESSION, Scans
from neurofm_bids.analysis.settings import AnalysisSettings
from neurofm_bids.analysis.sites.covariates import text_column
from neurofm_bids.analysis.sites.earlier import check_values, covariates_of, read_earlier
from neurofm_bids.analysis.sites.effects import LEAST_OF_SITE, site_effects
from neurofm_bids.analysis.sites.file import SitesFile, write_sites
from neurofm_bids.analysis.sites.model import SiteModel, harmonise, learn_sites, with_new_sites
from neurofm_bids.analysis.sites.recognition import Recognition, site_recognition
from neurofm_bids.analysis.sites.settings import SitesSettings
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.threads import one_thread
from neurofm_bids.records.columns import feature_columns
from neurofm_bids.records.origin import one_origin
from neurofm_bids.storage.text import some_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SITES_COLUMNS", "analyse"]

_BOUNDED = "1"  # units of probabilities and ranks, which a shift could take out of their range
_IDENTITY = (PARTICIPANT, SESSION, SCAN)
_TWO = 2
SITES_COLUMNS = (
    "measure",
    "kind",
    "stage",
    "n",
    "n_sites",
    "variance_explained",
    "f_statistic",
    "p",
    "p_corrected",
    "sd_ratio",
    "p_sd",
    "p_sd_corrected",
    "balanced_accuracy",
    "balanced_accuracy_lower95",
    "balanced_accuracy_upper95",
    "chance_accuracy",
)


@dataclass(frozen=True)
class _Block:
    """Values of one kind, harmonised together: a table of scans, and which of its columns they are."""

    kind: str
    table: pd.DataFrame
    columns: tuple[str, ...]


@dataclass(frozen=True)
class _Plan:
    """The settings, the column of the site, the covariates that are known, and an earlier harmonisation."""

    settings: SitesSettings
    site: str
    preserve: tuple[str, ...]
    earlier: SitesFile | None

    @property
    def kept(self) -> dict[str, Any]:
        earlier = covariates_of(self.earlier) if self.earlier else ()
        curved = dict.fromkeys([*self.settings.smooth, *(one.name for one in earlier if one.knots)])
        smooth = tuple(name for name in curved if name in self.preserve)
        return {"site": self.site, "preserve": self.preserve, "smooth": smooth}


def analyse(scans: Scans, settings: AnalysisSettings) -> Result | None:
    """Return the tables ``sites`` and, if asked for, ``harmonised``; None where no sites can be compared.

    A cohort that cannot be harmonised gets the effects of its sites, if there are any, and the reason as a
    remark. An earlier harmonisation brings its covariates: they need not be named again.

    Raises
    ------
    NeuroFMError
        The file of an earlier harmonisation cannot be read or used, or a file cannot be written.
    """
    own, site = settings.sites, settings.columns.site_in(scans.covariates)
    if site is None or (_comparable(scans, site) < _TWO and own.model is None):
        return _not_harmonised(site) if own.harmonise else None
    earlier = None if own.model is None else read_earlier(Path(own.model), scans, site)
    covariates = covariates_of(earlier) if earlier else ()
    wanted = dict.fromkeys([*own.preserve, *(one.name for one in covariates)])
    shares = {name: _known_share(scans, name) for name in wanted}
    unasked = own.preserve == SitesSettings.preserve
    asked = {one.name for one in covariates}.union(() if unasked else own.preserve)
    kept = (name for name, share in shares.items() if share >= LEAST_KNOWN or (share and name in asked))
    plan = _Plan(own, site, tuple(kept), earlier)
    with one_thread():
        blocks = _blocks(scans, plan)
        models, more = _models(scans, blocks, plan) if own.harmonise else ({}, [])
        after = [_harmonised(block, models[block.kind]) for block in blocks if block.kind in models]
        stages = {"before": blocks, "after": after}
        rows = [_effects(block, plan, stage) for stage, some in stages.items() for block in some]
        rows += [_recognised(block, plan) for block in blocks]
    done = "compared, and values harmonised," if after else "compared"
    remarks = [_without(name, shares[name], done) for name in wanted if name not in plan.preserve]
    remarks += [
        f"{name}, which is preserved, is known of {shares[name]:.0%} of the scans: the others were left out."
        for name in plan.preserve
        if shares[name] < LEAST_KNOWN
    ]
    tables = {"sites": _stacked(rows)}
    if after:
        tables["harmonised"] = _of_scans(scans, plan, after)
    return Result(tables, (*remarks, *more))


def _not_harmonised(site: str | None) -> Result:
    why = "no column of a site is known; name it in [columns] site"
    if site is not None:
        why = f"the column {site} has fewer than {_TWO} sites of at least {LEAST_OF_SITE} scans"
    return Result(remarks=(f"Sites were not harmonised: {why}.",))


def _without(name: str, share: float, done: str) -> str:
    known = f"{name} is known of {share:.0%} of the scans, {LEAST_KNOWN:.0%} are needed"
    return f"{known if share else f'No scan has a value of {name}'}: sites were {done} without it."


def _comparable(scans: Scans, site: str) -> int:
    """Return the number of sites with enough scans."""
    cells = text_column(scans.table, site)[scans.included]
    counts = np.unique(cells[cells != ""], return_counts=True)[1]
    return int(np.count_nonzero(counts >= LEAST_OF_SITE))


def _known_share(scans: Scans, name: str) -> float:
    """Return the share of the scans that have a value of a column."""
    if name not in scans.table:
        return 0.0
    return float((text_column(scans.table, name)[scans.included] != "").mean())


def _blocks(scans: Scans, plan: _Plan) -> list[_Block]:
    """Return the features and the measures of the scans that take part in statistics."""
    import pandas as pd

    used = scans.table[scans.included]
    about = used[[*dict.fromkeys((PARTICIPANT, plan.site, *plan.preserve))]]
    names = feature_columns(scans.features.shape[1])
    features = pd.DataFrame(scans.features[scans.included], used.index, list(names), dtype=np.float64)
    blocks = [_Block("features", pd.concat([about, features], axis=1), names)]
    measures = [name for name, units in scans.measures.items() if units != _BOUNDED and name not in about]
    known = tuple(name for name in measures if used[name].notna().any())
    values = used[list(known)].astype(np.float64)
    return [*blocks, _Block("measures", pd.concat([about, values], axis=1), known)] if known else blocks


def _models(scans: Scans, blocks: Sequence[_Block], plan: _Plan) -> tuple[dict[str, SiteModel], list[str]]:
    """Return the models by kind of values, and sentences on what was not harmonised."""
    own = plan.settings
    earlier = plan.earlier
    models: dict[str, SiteModel] = {}
    remarks = []
    for block in blocks:
        try:
            if earlier is None:
                models[block.kind], more = _learned(block, plan)
                remarks += more
            elif block.kind in earlier.models:
                check_values(earlier.models[block.kind], plan.preserve)
                models[block.kind] = with_new_sites(earlier.models[block.kind], block.table, own.least_scans)
        except NeuroFMError as error:
            remarks.append(f"The {block.kind} were not harmonised: {error}")
    if models and own.save is not None:
        origin = one_origin(scans.origins, "a harmonisation cannot be saved of") if scans.origins else None
        write_sites(Path(own.save), models, __version__, origin)
    return models, list(dict.fromkeys(remarks))


def _learned(block: _Block, plan: _Plan) -> tuple[SiteModel, list[str]]:
    """Return the model of a block, without the columns that a site has too few values of."""
    least = plan.settings.least_scans
    sites = text_column(block.table, plan.site)
    counts = block.table[list(block.columns)].notna().groupby(sites).sum()
    enough = (counts[counts.index != ""] >= min(least, len(block.table))).all(axis=0)
    columns = [name for name in block.columns if enough[name]] or list(block.columns)
    shrink = block.kind in plan.settings.empirical_bayes
    model = learn_sites(block.table, columns, **plan.kept, least_scans=least, empirical_bayes=shrink)
    absent = [name for name in block.columns if name not in columns]
    few = f"Not harmonised, with fewer than {least} known values at a site: {some_of(absent)}."
    return model, [few] if absent else []


def _harmonised(block: _Block, model: SiteModel) -> _Block:
    values = harmonise(model, block.table)
    others = block.table.drop(columns=list(block.columns))
    return _Block(block.kind, others.join(values), model.columns)


def _effects(block: _Block, plan: _Plan, stage: str) -> pd.DataFrame:
    frame = site_effects(block.table, block.columns, **plan.kept, person=PARTICIPANT)
    return frame.assign(kind=block.kind, stage=stage)


def _recognised(block: _Block, plan: _Plan) -> pd.DataFrame:
    """Return how well sites are told apart by all values, before and, harmonised inside folds, after."""
    import pandas as pd

    shrink = block.kind in plan.settings.empirical_bayes
    found = site_recognition(
        block.table, block.columns, **plan.kept, person=PARTICIPANT, empirical_bayes=shrink
    )
    stages = zip(("before", "after"), found or (), strict=False)
    rows = [
        {"measure": f"all {block.kind}", "kind": block.kind, "stage": stage, **_row(one)}
        for stage, one in stages
    ]
    return pd.DataFrame(rows)


def _row(one: Recognition) -> dict[str, float]:
    low, high = one.interval95
    return {
        "n": one.n,
        "n_sites": one.n_sites,
        "balanced_accuracy": one.balanced_accuracy,
        "balanced_accuracy_lower95": low,
        "balanced_accuracy_upper95": high,
        "chance_accuracy": one.chance,
    }


def _stacked(rows: Sequence[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat([frame for frame in rows if len(frame)], ignore_index=True).reindex(
        columns=list(SITES_COLUMNS)
    )


def _of_scans(scans: Scans, plan: _Plan, blocks: Sequence[_Block]) -> pd.DataFrame:
    """Return harmonised values, a row per scan, empty where a scan takes no part."""
    import pandas as pd

    identity = scans.table[list(_IDENTITY)].assign(site=scans.table[plan.site])
    values = [block.table[list(block.columns)].reindex(identity.index) for block in blocks]
    return pd.concat([identity, *values], axis=1)
