"""Evaluation on a BIDS dataset whose participants have a known age, sex or volumes."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.discovery import Scan, find_scans
from neurofm_bids.config import Config, Processing
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.encoder import Encoder
from neurofm_bids.model.weights import load_model
from neurofm_bids.pipeline.task import identity
from neurofm_bids.pretrain.evaluation.perturbations import poses
from neurofm_bids.pretrain.evaluation.prepared_scan import PreparedScan, prepare
from neurofm_bids.pretrain.evaluation.summary import TARGETS, EvaluatedScan
from neurofm_bids.pretrain.settings import Evaluation

__all__ = ["evaluate"]

_log = logging.getLogger("neurofm_bids")
_COLUMNS = {"ventricular_volume": "ventricular_volume_mm3", "brain_volume": "brain_volume_mm3"}
_ML = 1000.0


def evaluate(settings: Evaluation, processing: Processing) -> tuple[list[EvaluatedScan], dict[str, str]]:
    """Process and encode every T1w of a dataset; return the evaluated scans, and the failures by scan.

    Preprocessed volumes stay in ``out/volumes``, so that other weights are quick to compare.

    Parameters
    ----------
    settings
        Dataset, folder and extent of the evaluation.
    processing
        The model, and the number of passes averaged per scan.

    Raises
    ------
    NeuroFMError
        There is no dataset, nothing is known of its participants, or the weights cannot be used.
    """
    root, out = settings.bids_dir.absolute(), settings.out.absolute()
    if out.is_relative_to(root) and not out.is_relative_to(root / "derivatives"):
        raise NeuroFMError("the output folder is inside the dataset", where=out, fix="Use another folder.")
    selection = find_scans(Config(bids_dir=root, out_dir=out))
    covariates = Covariates(root)
    known = _known_values(covariates, selection.scans)
    stability = settings.stability
    if not stability:
        _check_known(root, known)
    encoder = Encoder(load_model(processing.model, processing.weights), processing)
    without_scan = [participant for participant in selection.skipped if participant.scan is None]
    failed = {bad.path.name: f"{bad.reason}. {bad.fix}" for bad in (*selection.refused, *without_scan)}
    evaluated = []
    preprocessed = _preprocess_all(selection.scans, out / "volumes", settings.nprocs, stability)
    for scan, prepared in zip(selection.scans, preprocessed, strict=True):
        try:
            if isinstance(prepared, NeuroFMError):
                raise prepared
            evaluated.append(_evaluate(scan, known[scan], prepared, encoder, processing.views, stability))
            _log.info("%s: evaluated", scan.stem)
        except NeuroFMError as error:
            failed[scan.stem] = str(error)
            _log.error("%s: %s", scan.stem, error)
    return evaluated, failed


@dataclass(frozen=True)
class _Known:
    """What the dataset gives for a scan: values by target (NaN if unknown), and how it was skull-stripped."""

    targets: dict[str, float]
    stripping: str


def _known_values(covariates: Covariates, scans: Sequence[Scan]) -> dict[Scan, _Known]:
    identities = [identity(scan) for scan in scans]
    rows = covariates.table(identities).to_dict("records")
    known = {}
    for scan, named, row in zip(scans, identities, rows, strict=True):
        person = covariates.person(named)
        volumes = {target: _number(row.get(column)) / _ML for target, column in _COLUMNS.items()}
        age = math.nan if person.age_years is None else person.age_years
        sex = math.nan if person.sex is None else float(person.sex == "M")
        stripping = row.get("stripping")
        text = stripping if isinstance(stripping, str) else ""
        known[scan] = _Known({"age": age, "sex": sex, **volumes}, text)
    return known


def _check_known(root: Path, known: Mapping[Scan, _Known]) -> None:
    """Raise if nothing is known of any scan."""
    if not any(math.isfinite(value) for one in known.values() for value in one.targets.values()):
        raise NeuroFMError(
            "no participant has a known age, sex or volume",
            where=root / "participants.tsv",
            fix=f"Add a column age, sex, {' or '.join(_COLUMNS.values())}.",
            code=Exit.NO_INPUT,
        )


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return math.nan


def _preprocess_all(
    scans: Sequence[Scan], folder: Path, nprocs: int, stability: bool
) -> Iterator[PreparedScan | NeuroFMError]:
    """Yield for each scan its volumes, or why there are none."""
    calls = [(scan.path, folder / scan.stem, stability) for scan in scans]
    if nprocs == 1:
        yield from map(_preprocess, calls)
        return
    with ProcessPoolExecutor(nprocs, mp_context=get_context("forkserver")) as pool:
        for future in [pool.submit(_preprocess, call) for call in calls]:
            try:
                yield future.result()
            except BrokenProcessPool:
                yield NeuroFMError(
                    "a worker process was killed, possibly for lack of memory",
                    fix="Run the command again with fewer --nprocs.",
                )


def _preprocess(call: tuple[Path, Path, bool]) -> PreparedScan | NeuroFMError:
    path, folder, stability = call
    try:
        return prepare(path, folder, stability=stability)
    except NeuroFMError as error:
        return error


def _evaluate(
    scan: Scan,
    known: _Known,
    prepared: PreparedScan,
    encoder: Encoder,
    views: int,
    stability: bool,
) -> EvaluatedScan:
    volume = prepared.volume()
    others = prepared.other_masks if stability else ()
    return EvaluatedScan(
        name=scan.stem,
        participant=scan.subject,
        known=known.targets,
        predicted=_predict(encoder, volume, views),
        mask_ml=prepared.mask_ml,
        session=scan.session or "",
        style=known.stripping,
        other_masks={name: _predict(encoder, prepared.volume(name), views) for name in others},
        poses=[_predict(encoder, posed, 1) for posed in poses(volume)] if stability else [],
    )


def _predict(encoder: Encoder, volume: NDArray[np.float32], views: int) -> dict[str, float]:
    predictions = encoder.encode(volume, views=views).predictions
    return {t: predictions[t].value / (_ML if t in _COLUMNS else 1.0) for t in TARGETS}
