"""Summary: the scores of all evaluated scans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.pretrain.evaluation.metrics import age_band, agreement, auc, repeatability

__all__ = ["TARGETS", "EvaluatedScan", "summarise"]

_Predictions: TypeAlias = Sequence[Mapping[str, float]]
TARGETS = ("age", "sex", "ventricular_volume", "brain_volume")


@dataclass(frozen=True)
class EvaluatedScan:
    """Known and predicted values of one scan.

    Parameters
    ----------
    name, participant
        File name without ``_T1w``, and label without ``sub-``.
    known
        By target: age in years, sex (1 for male), volumes in ml; NaN if unknown.
    predicted
        By target, in the same units; for sex, the probability of male.
    mask_ml
        Volume of the brain mask.
    session
        Label, or empty.
    style
        Style of skull-stripping in participants.tsv, or empty.
    other_masks, poses
        Predictions with other brain masks, by name, and in other poses; empty without ``stability``.
    """

    name: str
    participant: str
    known: Mapping[str, float]
    predicted: Mapping[str, float]
    mask_ml: float
    session: str = ""
    style: str = ""
    other_masks: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    poses: Sequence[Mapping[str, float]] = ()


def summarise(scans: Sequence[EvaluatedScan]) -> dict[str, Any]:
    """Return all scores: overall, by age band and style of skull-stripping, baselines, repeatability."""
    groups = {"all": list(scans)}
    for title, key in (("age", lambda s: age_band(s.known["age"])), ("stripping", lambda s: s.style)):
        for name in sorted({key(s) for s in scans} - {""}):
            groups[f"{title} {name}"] = [s for s in scans if key(s) == name]
    summary: dict[str, Any] = {name: _scores(members) for name, members in groups.items()}
    return {"groups": summary, "baselines": _baselines(scans), "repeatability": _repeats(scans)}


def _values(scans: Sequence[EvaluatedScan], which: str, target: str) -> NDArray[np.float64]:
    return np.array([getattr(s, which)[target] for s in scans], dtype=np.float64)


def _scores(scans: Sequence[EvaluatedScan]) -> dict[str, Any]:
    pairs = {t: (_values(scans, "known", t), _values(scans, "predicted", t)) for t in TARGETS}
    sex = pairs.pop("sex")
    scores: dict[str, Any] = {target: agreement(*pair) for target, pair in pairs.items()}
    return {**scores, "sex": {"n": int(np.isfinite(sex[0]).sum()), "auc": auc(*sex)}}


def _baselines(scans: Sequence[EvaluatedScan]) -> dict[str, Any]:
    """Return scores of predictions without a network: the mean age, and the volume of the brain mask."""
    age, mask = _values(scans, "known", "age"), np.array([s.mask_ml for s in scans])
    mean_age = agreement(age, np.full_like(age, np.nanmean(age))) if np.isfinite(age).any() else None
    mask_volume = agreement(_values(scans, "known", "brain_volume"), mask)
    return {
        "age_mae_of_mean_age": mean_age and mean_age["mae"],
        "sex_auc_of_mask_volume": auc(_values(scans, "known", "sex"), mask),
        "brain_volume_r_of_mask_volume": mask_volume and mask_volume["r"],
    }


def _repeats(scans: Sequence[EvaluatedScan]) -> dict[str, Any]:
    """Return differences between the scans of a session, and between the masks and poses of a scan."""
    sessions = defaultdict(list)
    for scan in scans:
        sessions[scan.participant, scan.session].append(scan.predicted)
    kinds: dict[str, list[_Predictions]] = {
        "scans": [sessions[key] for key in sorted(sessions)],
        "poses": [scan.poses for scan in scans],
    }
    for name in sorted({name for scan in scans for name in scan.other_masks}):
        masked = [scan for scan in scans if name in scan.other_masks]
        kinds[f"mask {name}"] = [(scan.predicted, scan.other_masks[name]) for scan in masked]
    scores: dict[str, Any] = {}
    for target in ("age", "ventricular_volume", "brain_volume"):
        values = {k: [[p[target] for p in group] for group in groups] for k, groups in kinds.items()}
        scores[target] = {kind: repeatability(groups) for kind, groups in values.items()}
    return scores
