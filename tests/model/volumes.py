import numpy as np


def volume(start=(90, 81, 70), shape=(80, 99, 110), seed=0):
    """Return a model-grid volume with noise in a box and nothing around it."""
    data = np.zeros((256, 256, 256), np.float32)
    where = tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True))
    data[where] = np.random.default_rng(seed).uniform(50, 100, shape)
    return data
