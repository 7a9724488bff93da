"""Simulated people for tests of readouts."""

import numpy as np

from neurofm_bids.readouts.cross_validation import Scheme
from neurofm_bids.readouts.samples import Samples

QUICK = Scheme(permutations=0, bootstraps=0, replicates=0)


def features_of(rng, scans, width, factors=5):
    """Return features that share some factors, and the factors."""
    latent = rng.normal(size=(scans, factors))
    return latent @ rng.normal(size=(factors, width)) + rng.normal(size=(scans, width)), latent


def samples_of(scans=60, width=8, *, kind="regression", seed=0, harmonised=False, covariates=1):
    """Return people with one scan each, two sites, and a target that the first factor tells."""
    rng = np.random.default_rng(seed)
    features, latent = features_of(rng, scans, width)
    signal = latent[:, 0] + 0.5 * rng.normal(size=scans)
    target = {
        "regression": 10 + 3 * signal,
        "binary": (signal > 0.3).astype(float),
        "multiclass": np.digitize(signal, [-0.5, 0.5]).astype(float),
        "ordinal": np.digitize(signal, [-1, 0, 1]).astype(float),
    }[kind]
    sites = (np.arange(scans) % 2).astype(np.intp)
    return Samples(
        features + 3 * sites[:, None] * harmonised,
        rng.normal(size=(scans, covariates)),
        target,
        np.arange(scans, dtype=np.intp),
        sites,
        harmonised,
    )


def table_of(samples):
    """Return samples as a table with the columns y, c and site."""
    return {
        "participant_id": [f"sub-{person:03d}" for person in samples.people],
        "y": samples.target.tolist(),
        "c": samples.covariates[:, 0].tolist(),
        "site": [f"site{k}" for k in samples.sites],
    }
