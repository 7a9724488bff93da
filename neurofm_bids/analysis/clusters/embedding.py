"""UMAP: two axes that keep neighbours together."""

from __future__ import annotations

import warnings
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from neurofm_bids.errors import Exit, NeuroFMError

__all__ = ["check_umap", "umap_axes"]

_NEIGHBOURS = 15


def check_umap(where: str = "umap") -> None:
    """Raise if UMAP cannot be used.

    Parameters
    ----------
    where
        The key that asks for it, for messages.

    Raises
    ------
    NeuroFMError
        The package umap-learn is not installed.
    """
    if find_spec("umap") is None:
        raise NeuroFMError(
            "the package umap-learn is not installed",
            where=where,
            fix="Run pip install '.[cohort]' in a copy of the repository, or set umap = false.",
            code=Exit.USAGE,
        )


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
    check_umap()
    from umap import UMAP

    neighbours = min(_NEIGHBOURS, len(places) - 1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_jobs value", category=UserWarning)
        made = UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1, init="pca").fit_transform(places)
    return np.asarray(made, dtype=np.float64)
