"""UMAP: two axes that keep neighbours together."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from neurofm_bids.errors import Exit, NeuroFMError

__all__ = ["umap_axes"]

_NEIGHBOURS = 15


def umap_axes(places: npt.NDArray[np.floating], seed: int = 0) -> npt.NDArray[np.float64]:
    """Return two axes of UMAP (McInnes, Healy and Melville 2018), shape (n, 2).

    The seed makes it use one thread, and gives equal results on one machine.

    Parameters
    ----------
    places
        Shape (n, m), of at least four rows.

    Raises
    ------
    NeuroFMError
        The package umap-learn is not installed.
    """
    try:
        from umap import UMAP
    except ImportError as error:
        raise NeuroFMError(
            "the package umap-learn is not installed",
            where="--group-config, table clusters, key umap",
            fix="Install it with 'pip install neurofm-bids[cohort]', or set umap = false.",
            code=Exit.USAGE,
        ) from error
    neighbours = min(_NEIGHBOURS, len(places) - 1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_jobs value", category=UserWarning)
        made = UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1, init="pca").fit_transform(places)
    return np.asarray(made, dtype=np.float64)
