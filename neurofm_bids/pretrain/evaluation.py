"""Evaluation: what weights make of scans whose age, sex or volumes are known."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.bids.derivatives import write_json, write_nifti
from neurofm_bids.bids.participants import read_participants, read_rows
from neurofm_bids.bids.scans import Scan, find_scans
from neurofm_bids.config import Config
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.pretrain.scoring import agreement, auc, band, repeatability
from neurofm_bids.pretrain.variants import mask_styles, poses

if TYPE_CHECKING:
    from neurofm_bids.model.encoder import Encoder

__all__ = ["TARGETS", "Evaluated", "evaluate", "summarise"]

_log = logging.getLogger("neurofm_bids")
TARGETS = ("age", "sex", "ventricular_volume", "brain_volume")
_COLUMNS = {"ventricular_volume": "ventricular_volume_mm3", "brain_volume": "brain_volume_mm3"}
_ML = 1000.0
_RECORD = "prepared.json"  # written last


@dataclass(frozen=True)
class Evaluated:
    """One scan: what is known of it and what was predicted.

    Parameters
    ----------
    name, participant
        File name without ``_T1w``, and label.
    known
        By target: age in years, sex as 1 for male, volumes in ml; NaN where not known.
    predicted
        By target, in the same units; sex as the probability of male.
    mask_ml
        Volume of the brain mask.
    style
        How participants.tsv says the brain was stripped, or empty.
    styles, poses
        Predictions under other masks, by name, and over lattice phases and turns; empty if not asked for.
    """

    name: str
    participant: str
    known: Mapping[str, float]
    predicted: Mapping[str, float]
    mask_ml: float
    style: str = ""
    styles: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    poses: Sequence[Mapping[str, float]] = ()


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
        There is no dataset, or the weights cannot be used.
    """
    from neurofm_bids.model.encoder import Encoder
    from neurofm_bids.model.weights import load_model

    encoder = Encoder(load_model(model, weights))
    scans = find_scans(Config(bids_dir=bids_dir.absolute(), out_dir=out.absolute())).scans
    about = {label: _known(bids_dir, label) for label in {scan.subject for scan in scans}}
    found, failed = [], {}
    for scan, folder in zip(scans, _prepared(scans, out / "volumes", nprocs, stability), strict=True):
        if isinstance(folder, str):
            failed[scan.stem] = folder
            _log.error("%s: %s", scan.stem, folder)
            continue
        known, style = about[scan.subject]
        found.append(_evaluated(scan, known, style, folder, encoder, views, stability))
        _log.info("%s done", scan.stem)
    return found, failed


def _known(bids_dir: Path, label: str) -> tuple[dict[str, float], str]:
    person, row = read_participants(bids_dir).get(label), read_rows(bids_dir).get(label, {})
    volumes = {target: _number(row.get(column, "")) / _ML for target, column in _COLUMNS.items()}
    age = math.nan if person is None or person.age_years is None else person.age_years
    sex = math.nan if person is None or person.sex is None else float(person.sex == "M")
    return {"age": age, "sex": sex, **volumes}, row.get("stripping", "")


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
        yield from pool.map(_prepare, calls)


def _prepare(call: tuple[Path, Path, bool]) -> Path | str:
    """Bring one scan to the model grid under each mask, unless that was done before."""
    from neurofm_bids.preprocess.chain import mask_image, prepare
    from neurofm_bids.preprocess.grid import model_grid

    path, folder, stability = call
    record = folder / _RECORD
    if record.is_file() and (not stability or len(json.loads(record.read_text())["Styles"]) > 1):
        return folder
    try:
        done = prepare(path)
    except NeuroFMError as error:
        return str(error)
    masks = mask_styles(done.corrected, done.mask) if stability else {"given": done.mask}
    for style, mask in masks.items():
        brain = mask_image(done.corrected, mask)
        grid, _ = model_grid(brain, mask, space="rigid", t1w_to_template=done.registration.rigid)
        write_nifti(folder / f"{style}.nii.gz", grid)
    mask_ml = done.measures["brain"]["volume_mm3"] / _ML
    write_json(record, {"MaskVolumeMl": mask_ml, "Styles": sorted(masks)})
    return folder


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
    return Evaluated(scan.stem, scan.subject, known, predicted, record["MaskVolumeMl"], style, styles, turned)


def _read(path: Path) -> NDArray[np.float32]:
    return np.asarray(nib.Nifti1Image.from_filename(path).dataobj, dtype=np.float32)


def _predict(encoder: Encoder, volume: NDArray[np.float32], views: int) -> dict[str, float]:
    found = encoder.encode(volume, views=views).predictions
    return {t: found[t].value / (_ML if t in _COLUMNS else 1.0) for t in TARGETS}


def summarise(scans: Sequence[Evaluated]) -> dict[str, Any]:
    """Return all scores: whole, by age band, by style of stripping, repeated scans, stability, baselines."""
    groups = {"all": list(scans)}
    for title, key in (("age", lambda s: band(s.known["age"])), ("stripping", lambda s: s.style)):
        for name in sorted({key(s) for s in scans} - {""}):
            groups[f"{title} {name}"] = [s for s in scans if key(s) == name]
    summary: dict[str, Any] = {name: _scores(members) for name, members in groups.items()}
    return {"groups": summary, "baselines": _baselines(scans), "repeatability": _repeats(scans)}


def _values(scans: Sequence[Evaluated], which: str, target: str) -> NDArray[np.float64]:
    return np.array([getattr(s, which)[target] for s in scans], dtype=np.float64)


def _scores(scans: Sequence[Evaluated]) -> dict[str, Any]:
    scores: dict[str, Any] = {}
    for target in TARGETS:
        known, predicted = _values(scans, "known", target), _values(scans, "predicted", target)
        if target == "sex":
            sure = np.isfinite(known)
            scores["sex"] = {"n": int(sure.sum()), "auc": auc(known[sure] == 1, predicted[sure])}
            continue
        found = agreement(known, predicted)
        scores[target] = None if found is None else asdict(found)
    return scores


def _baselines(scans: Sequence[Evaluated]) -> dict[str, Any]:
    """Return what needs no network: everybody's mean age, and the volume of the mask."""
    age, sex = _values(scans, "known", "age"), _values(scans, "known", "sex")
    mask, brain = np.array([s.mask_ml for s in scans]), _values(scans, "known", "brain_volume")
    mean = agreement(age, np.full_like(age, np.nanmean(age))) if np.isfinite(age).any() else None
    ordered = agreement(brain, mask)
    sure = np.isfinite(sex)
    return {
        "age_mae_of_mean_age": None if mean is None else mean.mae,
        "sex_auc_of_mask_volume": auc(sex[sure] == 1, mask[sure]),
        "brain_volume_r_of_mask_volume": None if ordered is None else ordered.r,
    }


def _repeats(scans: Sequence[Evaluated]) -> dict[str, Any]:
    """Return differences between scans of one person, between masks of one scan, and between its poses."""
    people = [[s for s in scans if s.participant == p] for p in sorted({s.participant for s in scans})]
    found: dict[str, Any] = {}
    for target in ("age", "ventricular_volume", "brain_volume"):
        kinds = {
            "scans": [[s.predicted[target] for s in members] for members in people],
            "poses": [[p[target] for p in s.poses] for s in scans],
        }
        for style in sorted({k for s in scans for k in s.styles}):
            some = [s for s in scans if style in s.styles]
            kinds[f"mask {style}"] = [[s.predicted[target], s.styles[style][target]] for s in some]
        repeats = {kind: repeatability(groups) for kind, groups in kinds.items()}
        found[target] = {kind: None if r is None else asdict(r) for kind, r in repeats.items()}
    return found
