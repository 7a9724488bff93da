"""Validation: how well a network reads samples of maps that it never saw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurofm_bids.model.fast import FastNetwork
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.pretrain.losses import estimates
from neurofm_bids.pretrain.samples import Item
from neurofm_bids.pretrain.scoring import agreement, auc

__all__ = ["validate"]


def validate(network: NeuroFMNet, items: Sequence[Item]) -> dict[str, float | None]:
    """Return errors and correlations of the four targets over samples; None where too few are known."""
    device = next(network.parameters()).device
    fast = FastNetwork(network).to(device)
    rows = []
    for item in (i.to(device) for i in items):
        found = estimates(fast(item.box[None], item.start, item.background[None]))
        rows.append([float(value[0]) for value in found])
    age, male, lateral, brain = np.array(rows).T
    scores: dict[str, float | None] = {}
    for name, known, predicted, measures in (
        ("brain", [i.brain_ml for i in items], brain, ("mae", "bias", "r")),
        ("lateral", [i.lateral_ml for i in items], lateral, ("mae", "log_r", "log_slope")),
        ("age", [i.age_years for i in items], age, ("mae", "bias", "r")),
    ):
        agreed = agreement(np.array([float(k) for k in known]), predicted)
        scores |= {f"{name}_{m}": None if agreed is None else getattr(agreed, m) for m in measures}
    sex = np.array([float(i.sex) for i in items])
    known_sex = np.isfinite(sex)
    return {**scores, "sex_auc": auc(sex[known_sex] == 1, male[known_sex])}
