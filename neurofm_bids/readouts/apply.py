"""The score of one scan by a readout."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.bids.sheets import text_of
from neurofm_bids.readouts.columns import is_latent
from neurofm_bids.readouts.compatibility import refusal
from neurofm_bids.readouts.covariate_coding import coded_row
from neurofm_bids.readouts.distance import distances
from neurofm_bids.readouts.harmonisation import harmonised
from neurofm_bids.readouts.percentile import percentile_of
from neurofm_bids.readouts.readout import NOT_ABOVE_CHANCE, Readout
from neurofm_bids.readouts.response import Row, response, sampling_interval
from neurofm_bids.records.columns import feature_columns
from neurofm_bids.records.origin import Origin, origin_of
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.records.score import FAR, Score
from neurofm_bids.storage.text import some_of

__all__ = ["Measured", "measured", "row_of", "score"]


@dataclass(frozen=True)
class Measured:
    """What readouts need to know of one scan.

    Parameters
    ----------
    features
        By the names in :attr:`Readout.features`; what was not found is absent or NaN.
    covariates
        By column of the tables of the dataset, as written there; upper and lower case are the same.
    origin
        How the features were made; None if that is not known, and then not compared.
    age_years
        Of the person at the scan.
    has_failed
        Whether the quality of the scan is judged as fail.
    """

    features: Mapping[str, float]
    covariates: Mapping[str, object] = field(default_factory=dict)
    origin: Origin | None = None
    age_years: float | None = None
    has_failed: bool = False


def measured(
    record: ScanRecord,
    latent: NDArray[np.floating],
    covariates: Mapping[str, object],
    age_years: float | None,
) -> Measured:
    """Return what readouts need to know of a processed scan.

    Parameters
    ----------
    latent
        Its features, shape (n,).
    covariates
        By column.
    """
    volumes = record.anatomy.volumes if record.anatomy else {}
    features = dict(zip(feature_columns(len(latent)), latent.tolist(), strict=True))
    features |= {name: volume.mm3 for name, volume in volumes.items() if volume.mm3 > 0}
    return Measured(features, covariates, origin_of(record), age_years, record.quality.status == "fail")


def score(readout: Readout, scan: Measured) -> Score:
    """Return the score of a scan; without a value where a note says why there is none."""
    task, cohort = readout.task, readout.training.description
    units = task.units if task.kind == "regression" else "1"
    about = Score(task.name, task.domain, task.kind, task.description, "value", units, None, training=cohort)
    row, notes, reason = row_of(readout, scan)
    if row is None:
        return replace(about, notes=notes, reason=reason, digest=readout.digest)
    made = response(readout, row)
    centile, interval = _centile(readout, row)
    distance = float(distances(readout.cloud, row.features[None])[0])
    percentile = percentile_of(distance, readout.cloud.distances)
    return replace(
        about,
        quantity=made.quantity,
        value=made.value,
        interval95=made.interval95,
        of_class=made.of_class,
        parts=made.parts,
        centile=centile,
        centile_interval95=interval,
        distance_percentile=percentile,
        notes=_limits(readout, scan, made.value, percentile),
        digest=readout.digest,
    )


def row_of(readout: Readout, scan: Measured) -> tuple[Row | None, tuple[str, ...], str]:
    """Return features and covariates in the order of a readout, or None with the note and the reason.

    Features are at the common site of a readout that is harmonised.
    """
    why = "" if scan.origin is None else refusal(readout, scan.origin)
    if why:
        return None, ("made_otherwise",), why
    if fault := _feature_fault(readout, scan.features):
        return None, fault[:1], fault[1]
    given = {name.lower(): value for name, value in scan.covariates.items()}
    named = {one.name: given.get(one.name.lower()) for one in readout.covariates}
    coded = coded_row(readout.covariates, named)
    if isinstance(coded, str):
        return None, ("covariate_unknown",), coded
    features = np.array([scan.features[name] for name in readout.features], dtype=np.float64)
    row = Row(features, np.array(coded, dtype=np.float64))
    if readout.harmonisation is None:
        return row, (), ""
    column = str(readout.task.site)
    site = text_of(given.get(column.lower()))
    common = harmonised(readout.harmonisation, site, row.features, row.covariates)
    if common is None:
        why = (
            f"{column} is {site}, a site that was not harmonised in the training"
            if site
            else f"{column} is not known"
        )
        return None, ("site_unknown",), why
    return replace(row, features=common), (), ""


def _feature_fault(readout: Readout, given: Mapping[str, float]) -> tuple[str, str] | None:
    """Return why features cannot be used, as a note and its reason; None if they can."""
    needed, found = (sum(map(is_latent, names)) for names in (readout.features, given))
    if needed and found and needed != found:
        return "made_otherwise", f"it needs {needed} features of the model, and there are {found}"
    absent = [name for name in readout.features if not math.isfinite(given.get(name, math.nan))]
    if not absent:
        return None
    note = "feature_unknown" if any(map(is_latent, absent)) else "volume_unknown"
    return note, f"not found: {some_of(absent)}"


def _centile(readout: Readout, row: Row) -> tuple[float | None, tuple[float, float] | None]:
    """Return the centile of the first function among held-out training scans, with its sampling error.

    There is none where scans are not told apart: held-out scores are of models of other folds, whose levels
    may then differ by more than the scores of one model.
    """
    if readout.task.kind == "multiclass" or NOT_ABOVE_CHANCE in readout.notes:
        return None, None
    value = float(row.values(readout)[0])
    limits = sampling_interval(value, row.replicated(readout)[:, 0])
    centile = percentile_of(value, readout.scores)
    if limits is None:
        return centile, None
    low, high = (percentile_of(limit, readout.scores) for limit in limits)
    return centile, (low, high)


def _limits(readout: Readout, scan: Measured, value: float | None, percentile: float) -> tuple[str, ...]:
    ages, age = readout.training.age_range, scan.age_years
    holds = {
        "not_above_chance": NOT_ABOVE_CHANCE in readout.notes,
        "quality_failed": scan.has_failed,
        "far_from_training": percentile > FAR,
        "age_outside": ages is not None and age is not None and not ages[0] <= age <= ages[1],
        "beyond_follow_up": value is None,
    }
    return tuple(note for note, is_true in holds.items() if is_true)
