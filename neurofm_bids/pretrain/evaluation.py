"""Evaluation: what weights make of scans whose age, sex or volumes are known."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids import __version__
from neurofm_bids.bids.covariates import read_participants, read_rows
from neurofm_bids.bids.discovery import Scan, find_scans
from neurofm_bids.config import Config
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.weights import file_sha256
from neurofm_bids.pretrain.summary import TARGETS, Evaluated
from neurofm_bids.pretrain.variants import mask_styles, poses
from neurofm_bids.storage.atomic import write_json, write_nifti

if TYPE_CHECKING:
    from neurofm_bids.model.encoder import Encoder

__all__ = ["evaluate"]

_log = logging.getLogger("neurofm_bids")
_COLUMNS = {"ventricular_volume": "ventricular_volume_mm3", "brain_volume": "brain_volume_mm3"}
_ML = 1000.0
_RECORD = "prepared.json"  # written last


def evaluate(
    bids_dir: Path,
    out: Path,
    *,
    model: str = "open-s",
    weights: Path | None = None,
    views: int = 8,
    nprocs: int = 1,
    stability: bool = False,
) -> tuple[list[Evaluated], dict[str, str]]:
    """Run the chain on every T1w of a dataset and return what was found, and the failures by scan.

    Prepared volumes stay in ``out/volumes``, so other weights are quick to compare.

    Parameters
    ----------
    bids_dir
        A raw BIDS dataset; ``participants.tsv`` may have ``age``, ``sex``, ``brain_volume_mm3``,
        ``ventricular_volume_mm3`` and ``stripping``.
    out
        Folder for prepared volumes.
    model, weights, views
        As of :class:`~neurofm_bids.api.NeuroFM`.
    nprocs
        Scans prepared at once.
    stability
        Also predict under other masks, lattice phases and turns.

    Raises
    ------
    NeuroFMError
        There is no dataset, nothing is known of its participants, or the weights cannot be used.
    """
    from neurofm_bids.model.encoder import Encoder
    from neurofm_bids.model.weights import load_model

    root, out = bids_dir.absolute(), out.absolute()
    if out.is_relative_to(root) and not out.is_relative_to(root / "derivatives"):
        raise NeuroFMError("the output lies in the dataset", where=out, fix="Give another folder.")
    selection = find_scans(Config(bids_dir=root, out_dir=out))
    known = _known(root, selection.scans)
    if not stability and not any(math.isfinite(v) for values in known.values() for v in values.values()):
        raise NeuroFMError(
            "neither age, sex nor volumes are known",
            where=root / "participants.tsv",
            fix=f"It needs age, sex, {' or '.join(_COLUMNS.values())} of participant_id.",
            code=Exit.NO_INPUT,
        )
    encoder = Encoder(load_model(model, weights))
    failed = {refused.path.name: f"{refused.reason}. {refused.fix}" for refused in selection.refused}
    styles = {label: row.get("stripping", "") for label, row in read_rows(root).items()}
    found = []
    folders = _prepared(selection.scans, out / "volumes", nprocs, stability)
    for scan, folder in zip(selection.scans, folders, strict=True):
        try:
            if isinstance(folder, str):
                raise NeuroFMError(folder)
            style = styles.get(scan.subject, "")
            found.append(_evaluated(scan, known[scan.subject], style, folder, encoder, views, stability))
        except NeuroFMError as error:
            failed[scan.stem] = str(error)
            _log.error("%s: %s", scan.stem, error)
        else:
            _log.info("%s done", scan.stem)
    return found, failed


def _known(root: Path, scans: Sequence[Scan]) -> dict[str, dict[str, float]]:
    """Return what participants.tsv tells of each participant, by label and target; NaN where it does not."""
    people, rows = read_participants(root), read_rows(root)
    known = {}
    for label in {scan.subject for scan in scans}:
        person, row = people.get(label), rows.get(label, {})
        volumes = {target: _number(row.get(column, "")) / _ML for target, column in _COLUMNS.items()}
        age = math.nan if person is None or person.age_years is None else person.age_years
        sex = math.nan if person is None or person.sex is None else float(person.sex == "M")
        known[label] = {"age": age, "sex": sex, **volumes}
    return known


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _prepared(scans: Sequence[Scan], folder: Path, nprocs: int, stability: bool) -> Iterator[Path | str]:
    """Yield the folder with the volumes of each scan, or why there are none."""
    calls = [(scan.path, folder / scan.stem, stability) for scan in scans]
    if nprocs == 1:
        yield from map(_prepare, calls)
        return
    with ProcessPoolExecutor(nprocs, mp_context=get_context("forkserver")) as pool:
        for future in [pool.submit(_prepare, call) for call in calls]:
            try:
                yield future.result()
            except BrokenProcessPool:
                yield "A worker was killed, perhaps for want of memory: use fewer --nprocs and run again."


def _prepare(call: tuple[Path, Path, bool]) -> Path | str:
    """Bring one scan to the model grid under each mask, unless that was done before."""
    from neurofm_bids.pipeline.in_memory import mask_image, prepare
    from neurofm_bids.preprocess.model_grid import model_grid

    path, folder, stability = call
    record, made_of = folder / _RECORD, {"InputHash": file_sha256(path), "Version": __version__}
    if _is_prepared(record, made_of, stability):
        return folder
    try:
        done = prepare(path)
        masks = mask_styles(done.corrected, done.mask) if stability else {"given": done.mask}
        for style, mask in masks.items():
            brain = mask_image(done.corrected, mask)
            grid, _ = model_grid(brain, mask, space="rigid", t1w_to_template=done.registration.rigid)
            write_nifti(folder / f"{style}.nii.gz", grid)
    except NeuroFMError as error:
        return str(error)
    mask_ml = done.measures["brain"]["volume_mm3"] / _ML
    write_json(record, {**made_of, "MaskVolumeMl": mask_ml, "Styles": sorted(masks), "Varied": stability})
    return folder


def _is_prepared(record: Path, made_of: Mapping[str, str], stability: bool) -> bool:
    """Tell whether the volumes of this very image are there, other masks included if they are needed."""
    try:
        there = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return made_of.items() <= there.items() and bool(there["Varied"] >= stability)


def _evaluated(
    scan: Scan,
    known: Mapping[str, float],
    style: str,
    folder: Path,
    encoder: Encoder,
    views: int,
    stability: bool,
) -> Evaluated:
    record = json.loads((folder / _RECORD).read_text())
    volume = _read(folder / "given.nii.gz")
    predicted = _predict(encoder, volume, views)
    styles, turned = {}, []
    if stability:
        others = [s for s in record["Styles"] if s != "given"]
        styles = {s: _predict(encoder, _read(folder / f"{s}.nii.gz"), views) for s in others}
        turned = [_predict(encoder, posed, 1) for posed in poses(volume)]
    return Evaluated(
        name=scan.stem,
        participant=scan.subject,
        known=known,
        predicted=predicted,
        mask_ml=record["MaskVolumeMl"],
        session=scan.session or "",
        style=style,
        styles=styles,
        poses=turned,
    )


def _read(path: Path) -> NDArray[np.float32]:
    return np.asarray(nib.Nifti1Image.from_filename(path).dataobj, dtype=np.float32)


def _predict(encoder: Encoder, volume: NDArray[np.float32], views: int) -> dict[str, float]:
    found = encoder.encode(volume, views=views).predictions
    return {t: found[t].value / (_ML if t in _COLUMNS else 1.0) for t in TARGETS}
