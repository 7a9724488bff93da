"""Summary: the scores of scans that were evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.pretrain.scoring import agreement, auc, band, repeatability

__all__ = ["TARGETS", "Evaluated", "summarise"]

TARGETS = ("age", "sex", "ventricular_volume", "brain_volume")


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
    session
        Label, or empty.
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
    session: str = ""
    style: str = ""
    styles: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    poses: Sequence[Mapping[str, float]] = ()


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
    """Return differences between scans of one session, between masks of one scan, and between its poses."""
    visits = sorted({(s.participant, s.session) for s in scans})
    people = [[s for s in scans if (s.participant, s.session) == visit] for visit in visits]
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
