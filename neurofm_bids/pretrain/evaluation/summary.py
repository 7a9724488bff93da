"""Summary: the scores of all evaluated scans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
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
    scores: dict[str, Any] = {}
    for target in TARGETS:
        known, predicted = _values(scans, "known", target), _values(scans, "predicted", target)
        if target == "sex":
            finite = np.isfinite(known)
            scores["sex"] = {"n": int(finite.sum()), "auc": auc(known[finite] == 1, predicted[finite])}
            continue
        result = agreement(known, predicted)
        scores[target] = None if result is None else asdict(result)
    return scores


def _baselines(scans: Sequence[EvaluatedScan]) -> dict[str, Any]:
    """Return scores of predictions without a network: the mean age, and the volume of the brain mask."""
    age, sex = _values(scans, "known", "age"), _values(scans, "known", "sex")
    mask, brain = np.array([s.mask_ml for s in scans]), _values(scans, "known", "brain_volume")
    mean_age = agreement(age, np.full_like(age, np.nanmean(age))) if np.isfinite(age).any() else None
    mask_volume = agreement(brain, mask)
    known = np.isfinite(sex)
    return {
        "age_mae_of_mean_age": None if mean_age is None else mean_age.mae,
        "sex_auc_of_mask_volume": auc(sex[known] == 1, mask[known]),
        "brain_volume_r_of_mask_volume": None if mask_volume is None else mask_volume.r,
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
    targets = ("age", "ventricular_volume", "brain_volume")
    return {t: {kind: _repeat(groups, t) for kind, groups in kinds.items()} for t in targets}


def _repeat(groups: Sequence[_Predictions], target: str) -> dict[str, Any] | None:
    result = repeatability([[predicted[target] for predicted in group] for group in groups])
    return None if result is None else asdict(result)
