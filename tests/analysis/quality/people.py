"""Simulated people: features and volumes that follow a few numbers of a person, and second scans."""

import numpy as np
import pandas as pd

from neurofm_bids.analysis.scans import Scans

FEATURES, VOLUMES, METRICS, HIDDEN = 80, 12, 10, 14
NOISE = 0.08  # standard deviation of a second scan, over that between people
VOLUME_NAMES = (*(f"region{i}_mm3" for i in range(VOLUMES)), "intracranial_mm3")
METRIC_NAMES = tuple(f"metric{i}" for i in range(METRICS))


class People:
    """A fixed world: how features, volumes and metrics follow from hidden numbers."""

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)
        fixed = np.random.default_rng(12345)
        decay = np.exp(-np.arange(HIDDEN) / 4)[:, None]
        self.to_features = decay * fixed.standard_normal((HIDDEN, FEATURES))
        self.to_volumes = 0.05 * fixed.standard_normal((HIDDEN, VOLUMES))

    def brains(self, n):
        return self.rng.standard_normal((n, HIDDEN))

    def rescanned(self, brains, noise=NOISE):
        return brains + noise * self.rng.standard_normal(brains.shape)

    def numbers(self, brains):
        """Return features, volumes in mm3 and metrics of scans of brains."""
        n = len(brains)
        features = brains @ self.to_features + 0.01 * self.rng.standard_normal((n, FEATURES))
        volumes = 10_000 * np.exp(brains @ self.to_volumes + 0.003 * self.rng.standard_normal((n, VOLUMES)))
        metrics = self.rng.standard_normal((n, METRICS))
        return features.astype(np.float32), np.column_stack([volumes, volumes.sum(axis=1)]), metrics


def slightly_changed(numbers, rng, by=1e-4):
    """Return numbers of scans whose images were saved with another scale."""
    features, volumes, metrics = numbers
    return (
        (features + by * rng.standard_normal(features.shape)).astype(np.float32),
        volumes * (1 + by * rng.standard_normal(volumes.shape)),
        metrics + by * rng.standard_normal(metrics.shape),
    )


def stacked(*parts):
    return tuple(np.concatenate(blocks) for blocks in zip(*parts, strict=True))


def scans_of(numbers, participants, sessions, **columns):
    """Return the scans that an analysis takes; ``columns`` are further ones of the table."""
    features, volumes, metrics = numbers
    table = pd.DataFrame({"participant_id": participants, "session_id": sessions})
    table["scan"] = [f"{p}_{s}_{i}_T1w" for i, (p, s) in enumerate(zip(participants, sessions, strict=True))]
    table["age"], table["sex"] = np.nan, None
    table[list(VOLUME_NAMES)], table[list(METRIC_NAMES)] = volumes, metrics
    for name, values in columns.items():
        table[name] = values
    known = ("predicted_age_years", "predicted_male_probability")
    measures = dict.fromkeys(VOLUME_NAMES, "mm^3") | {name: "1" for name in known if name in columns}
    covariates = tuple(name for name in columns if name not in (*known, "age", "sex"))
    return Scans(table, features, np.ones(len(table), bool), measures, METRIC_NAMES, covariates)


def two_sessions(world, n):
    """Return the numbers of n people in two sessions, first all first ones, and the names of both."""
    brains = world.brains(n)
    numbers = stacked(*(world.numbers(world.rescanned(brains)) for _ in range(2)))
    return numbers, np.tile([f"sub-{i:03d}" for i in range(n)], 2), np.repeat(["ses-1", "ses-2"], n)
