"""Fitting a readout to plain arrays."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from neurofm_bids import __version__
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.readouts.assembly import Assembled, assemble, columns_of
from neurofm_bids.readouts.cloud import make_cloud
from neurofm_bids.readouts.columns import PERSON, is_latent, texts
from neurofm_bids.readouts.cross_validation import Scheme
from neurofm_bids.readouts.kinds import fitter_of
from neurofm_bids.readouts.readout import FORMAT_VERSION, Evaluation, FeatureSet, Readout
from neurofm_bids.readouts.task import Task
from neurofm_bids.readouts.threads import one_thread
from neurofm_bids.readouts.training import describe
from neurofm_bids.readouts.transform import LEAST_OF_SITE, Transform, learn_transform
from neurofm_bids.records.columns import feature_columns
from neurofm_bids.records.origin import Origin
from neurofm_bids.records.schema import to_json
from neurofm_bids.records.signature import signed

__all__ = ["NOT_OF_SCANS", "feature_set_of", "fingerprint_of", "fit"]

_Values = npt.NDArray[np.float64]
NOT_OF_SCANS = Origin(0, "", None, {})  # of features that NeuroFM-BIDS did not make
_STANDARD = Scheme()
_log = logging.getLogger(__name__)


def fit(
    features: Any,
    table: Mapping[str, Any],
    task: Task,
    *,
    names: Sequence[str] | None = None,
    predictions: npt.ArrayLike | None = None,
    dataset: str = "",
    origin: Origin = NOT_OF_SCANS,
    license: str | None = None,
    categories: Collection[str] = (),
    scheme: Scheme = _STANDARD,
) -> Readout:
    """Fit a readout, and evaluate it by nested cross-validation.

    Equal arguments give equal readouts, whatever the number of processors.

    Parameters
    ----------
    features
        Shape (n, p): an array, or a table whose columns name the features.
    table
        Columns by name, n values each, such as a pandas table. A column ``participant_id`` tells whose scans
        they are; without it each scan is of another person.
    task
        What to fit; its columns are those of the table.
    names
        Of the features; by default the columns of ``features``, or ``f000`` and so on.
    predictions
        Of NeuroFM, shape (n, k), NaN where not known, which the readout is compared with on the scans
        that have all of them.
    dataset
        Name of the dataset, for the description of the training.
    origin
        How the features were made.
    license
        SPDX identifier of the readout.
    categories
        Columns of the table whose numbers are codes of classes.
    scheme
        Numbers of folds, permutations and bootstrap samples, and the seed.

    Raises
    ------
    NeuroFMError
        A column is absent or has other values than the kind of the task needs, a covariate holds the target,
        there are too few people, this version cannot fit the kind, or arguments have other numbers of scans.
    """
    fitter = fitter_of(task)
    values = np.asarray(features, dtype=np.float64)
    named = _names(features, values, names)
    compared = None if predictions is None else np.asarray(predictions, dtype=np.float64)
    _check_lengths(len(values), table, task, compared)
    digest = fingerprint_of(values, table, task, named, compared, origin, categories, scheme, dataset)
    with one_thread():
        found = assemble(values, table, task, categories, named)
        for problem in found.problems:
            _log.warning("Task %s: %s.", task.name, problem)
        transform = _transform(found, task)
        core = fitter(found, task, scheme, _compared(compared, found.rows))
        cloud = make_cloud(transform.harmonised(found.samples), found.samples.blocks, scheme.seed)
    left_out = tuple(f"Scans left out, {why}: {count:,}." for why, count in found.left_out.items())
    return signed(
        Readout(
            format_version=FORMAT_VERSION,
            version=__version__,
            license=license,
            task=task,
            origin=origin,
            feature_set=feature_set_of(named),
            features=named,
            covariates=found.covariates,
            classes=found.classes,
            functions=core.functions,
            thresholds=core.thresholds,
            replicates=core.replicates,
            baselines=core.baselines,
            calibration=core.calibration,
            residual_quantile=core.residual_quantile,
            scores=core.scores,
            cloud=cloud,
            training=describe(found, table, dataset, digest),
            evaluation=core.evaluation,
            replicate_thresholds=core.replicate_thresholds,
            harmonisation=transform.harmonisation(found.sites),
            notes=(*core.notes, *_not_compared(compared, found.rows, core.evaluation), *left_out),
        )
    )


def feature_set_of(names: Sequence[str]) -> FeatureSet:
    """Return the set that features belong to: latent ones are named ``f`` and a number.

    >>> feature_set_of(["f000", "f001"]), feature_set_of(["f000", "brain"]), feature_set_of(["brain"])
    ('latent', 'both', 'regional')
    """
    latent = sum(map(is_latent, names))
    if latent == len(names):
        return "latent"
    return "both" if latent else "regional"


def fingerprint_of(
    features: _Values,
    table: Mapping[str, Any],
    task: Task,
    names: Sequence[str],
    predictions: _Values | None,
    origin: Origin,
    categories: Collection[str],
    scheme: Scheme,
    dataset: str,
) -> str:
    """Return the SHA-256 of all that the fit of a task depends on."""
    used = [name for name in (*columns_of(task), PERSON) if name in table]
    described = [name for name in table if str(name).lower() in {"age", "sex"}]
    about = {
        "version": __version__,
        "format": FORMAT_VERSION,
        "task": to_json(task),
        "names": list(names),
        "origin": to_json(origin),
        "categories": sorted({*categories} & {*used}),
        "scheme": vars(scheme),
        "dataset": dataset,
        "columns": {str(name): texts(table[name]) for name in (*used, *described)},
    }
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for values in (features, predictions):
        digest.update(b"none" if values is None else np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def _transform(found: Assembled, task: Task) -> Transform:
    """Return the transform of all scans, which that of the readout is."""
    if task.harmonise and not found.sites:
        raise NeuroFMError(
            "harmonise needs the column of the site", where=f"task {task.name}", code=Exit.USAGE
        )
    made = learn_transform(found.samples)
    if task.harmonise and not made.sites:
        raise NeuroFMError(
            f"no site has {LEAST_OF_SITE} scans, which harmonisation needs",
            where=f"task {task.name}",
            fix="Leave harmonise out, or name another column of sites.",
        )
    return made


def _names(features: Any, values: _Values, names: Sequence[str] | None) -> tuple[str, ...]:
    if values.ndim != 2 or not values.shape[1]:
        raise NeuroFMError(f"features have the shape {values.shape}, not (scans, features)", code=Exit.USAGE)
    own = getattr(features, "columns", None) if names is None else names
    named = feature_columns(values.shape[1]) if own is None else tuple(map(str, own))
    if len({*named}) != values.shape[1]:
        raise NeuroFMError(f"{len({*named})} different names for {values.shape[1]} features", code=Exit.USAGE)
    return named


def _check_lengths(scans: int, table: Mapping[str, Any], task: Task, predictions: _Values | None) -> None:
    """Raise if the table or the predictions are not of as many scans as the features."""
    used = [
        name for name in table if name in {*columns_of(task), PERSON} or str(name).lower() in {"age", "sex"}
    ]
    lengths = {f"the column {name} of the table": len(table[name]) for name in used}
    if predictions is not None:
        if predictions.ndim != 2:
            raise NeuroFMError(
                f"predictions have the shape {predictions.shape}, not (scans, predictions)", code=Exit.USAGE
            )
        lengths["the predictions"] = len(predictions)
    for what, rows in lengths.items():
        if rows != scans:
            raise NeuroFMError(
                f"features are of {scans} scans, and {what} {'are' if what[-1] == 's' else 'is'} of {rows}",
                where=f"task {task.name}",
                fix="Give a row of each for every scan, in the same order.",
                code=Exit.USAGE,
            )


def _compared(predictions: _Values | None, rows: npt.NDArray[np.intp]) -> _Values | None:
    """Return the predictions of the scans of a fit, NaN where not known, that some scan has all of."""
    if predictions is None:
        return None
    own = predictions[rows]
    own = own[:, np.isfinite(own).any(axis=0)]
    return own if own.size and np.isfinite(own).all(axis=1).any() else None


def _not_compared(
    predictions: _Values | None, rows: npt.NDArray[np.intp], evaluation: Evaluation
) -> tuple[str, ...]:
    """Return what limits the comparison with predictions, one sentence each."""
    if predictions is None or np.isfinite(predictions[rows]).all():
        return ()
    own = predictions[rows]
    known = np.isfinite(own).any(axis=0)
    notes = []
    if not known.all():
        notes.append(f"{np.sum(~known)} of {own.shape[1]} predictions of NeuroFM are known for no scan.")
    count = int(np.isfinite(own[:, known]).all(axis=1).sum()) if known.any() else 0
    if count < len(own):
        what = "is of these" if evaluation.predictions_only else "is not made"
        notes.append(
            f"Predictions of NeuroFM are known for {count:,} of {len(own):,} scans; the comparison with them "
            f"{what}."
        )
    return tuple(notes)
