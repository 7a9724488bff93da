"""Errors of a network on samples of held-out label maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurofm_bids.model.fast import FastNetwork
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.pretrain.evaluation.metrics import agreement, auc
from neurofm_bids.pretrain.training.data import Example
from neurofm_bids.pretrain.training.losses import estimates

__all__ = ["evaluate_held_out"]


def evaluate_held_out(network: NeuroFMNet, examples: Sequence[Example]) -> dict[str, float | None]:
    """Return errors and correlations of the four targets over examples; None where too few are known."""
    device = next(network.parameters()).device
    fast = FastNetwork(network).to(device)
    rows = []
    for example in (e.to(device) for e in examples):
        predicted = estimates(fast(example.box[None], example.start, example.background[None]))
        rows.append([float(value[0]) for value in predicted])
    age, male, lateral, brain = np.array(rows).T
    scores: dict[str, float | None] = {}
    for name, known, predicted_values, metrics in (
        ("brain", [e.brain_ml for e in examples], brain, ("mae", "bias", "r")),
        ("lateral", [e.lateral_ml for e in examples], lateral, ("mae", "log_r", "log_slope")),
        ("age", [e.age_years for e in examples], age, ("mae", "bias", "r")),
    ):
        result = agreement(np.array([float(k) for k in known]), predicted_values)
        scores |= {f"{name}_{m}": None if result is None else getattr(result, m) for m in metrics}
    sex = np.array([float(e.sex) for e in examples])
    known_sex = np.isfinite(sex)
    return {**scores, "sex_auc": auc(sex[known_sex] == 1, male[known_sex])}
