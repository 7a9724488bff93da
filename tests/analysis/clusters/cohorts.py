"""Places of scans with and without clusters."""

import numpy as np


def continuum(kind, n=150, seed=0):
    """Return places that are one cluster, of shape (n, 4)."""
    random = np.random.default_rng(seed)
    places = random.normal(size=(n, 4))
    if kind == "uniform":
        places[:, 0] = random.uniform(-3, 3, n)
    if kind == "heavy":
        places = random.standard_t(4, size=(n, 4))
    if kind == "skewed":
        places = random.exponential(size=(n, 4))
    if kind == "curved":
        along = random.uniform(-1, 1, n)
        places[:, :2] = np.column_stack([2 * along, 3 * along**2]) + 0.2 * places[:, :2]
    return places


def planted(sizes, distance=6.0, seed=0):
    """Return places of clusters of the given sizes on the axes of 4 dimensions, and the cluster of each."""
    random = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    return random.normal(size=(len(truth), 4)) + np.eye(4)[truth] * distance / np.sqrt(2), truth
