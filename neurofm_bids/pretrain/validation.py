"""Validation: how well a network reads samples of maps that it never saw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurofm_bids.model.fast import FastNetwork
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.pretrain.losses import estimates
from neurofm_bids.pretrain.samples import Item

__all__ = ["validate"]


def validate(network: NeuroFMNet, items: Sequence[Item]) -> dict[str, float]:
    """Return errors and correlations of the four targets over samples."""
    device = next(network.parameters()).device
    fast = FastNetwork(network).to(device)
    rows = []
    for item in (i.to(device) for i in items):
        found = estimates(fast(item.box[None], item.start, item.background[None]))
        rows.append([float(value[0]) for value in found])
    age, male, lateral, brain = np.array(rows).T
    true_brain = np.array([float(i.brain_ml) for i in items])
    true_lateral = np.array([float(i.lateral_ml) for i in items])
    true_age = np.array([float(i.age_years) for i in items])
    known = np.isfinite(true_age)
    logs = np.log(np.maximum(lateral, 1)), np.log(true_lateral)
    sex = np.array([float(i.sex) for i in items])[known]
    return {
        "brain_mae": float(np.abs(brain - true_brain).mean()),
        "brain_bias": float((brain - true_brain).mean()),
        "brain_r": _r(brain, true_brain),
        "lateral_mae": float(np.abs(lateral - true_lateral).mean()),
        "lateral_log_r": _r(*logs),
        "lateral_log_slope": float(np.polyfit(logs[1], logs[0], 1)[0]),
        "age_mae": float(np.abs(age - true_age)[known].mean()),
        "age_r": _r(age[known], true_age[known]),
        "sex_auc": _auc(male[known], sex),
    }


def _r(one: np.ndarray, two: np.ndarray) -> float:
    return float(np.corrcoef(one, two)[0, 1])


def _auc(score: np.ndarray, positive: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive > 0.5, score)) if len(set(positive)) == 2 else float("nan")
