"""Evaluation on a BIDS dataset whose participants have a known age, sex or volumes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.discovery import Scan
from neurofm_bids.config import Processing
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.encoder import Encoder
from neurofm_bids.model.weights import load_model
from neurofm_bids.pipeline.task import identity
from neurofm_bids.pretrain.evaluation.perturbations import poses
from neurofm_bids.pretrain.evaluation.prepared_scan import PreparedScan, prepare
from neurofm_bids.pretrain.evaluation.scans import evaluate_each, in_processes, select_scans
from neurofm_bids.pretrain.evaluation.summary import TARGETS, EvaluatedScan
from neurofm_bids.pretrain.settings import Evaluation

__all__ = ["evaluate"]

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
    scans, failed = select_scans(settings.bids_dir, settings.out)
    root, folder = settings.bids_dir.absolute(), settings.out.absolute() / "volumes"
    known = _known_values(Covariates(root), scans)
    stability = settings.stability
    if not stability:
        _check_known(root, known)
    encoder = Encoder(load_model(processing.model, processing.weights), processing)
    calls = [(scan.path, folder / scan.stem, stability) for scan in scans]
    return evaluate_each(
        scans,
        in_processes(_prepare, calls, settings.nprocs),
        lambda scan, prepared: _evaluate(scan, known[scan], prepared, encoder, processing.views, stability),
        failed,
    )


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


def _prepare(call: tuple[Path, Path, bool]) -> PreparedScan:
    path, folder, stability = call
    return prepare(path, folder, stability=stability)


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
