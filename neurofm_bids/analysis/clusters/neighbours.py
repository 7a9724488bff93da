"""The scans of other people that are most like a scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["nearest_neighbours"]


def nearest_neighbours(places: npt.NDArray[np.floating], people: npt.ArrayLike, number: int) -> pd.DataFrame:
    """Return the nearest scans of other people for each scan.

    Parameters
    ----------
    places
        Shape (n, m).
    people
        The participant of each scan, shape (n,): scans of the same one are not neighbours.
    number
        Neighbours per scan; fewer where there are fewer scans of other people.

    Returns
    -------
    A row per scan and neighbour, in order of both: ``scan`` and ``neighbour`` (rows of ``places``), the
    ``rank`` from 1, and ``distance`` (Euclidean).
    """
    import pandas as pd
    from scipy.spatial import cKDTree

    _, person, counts = np.unique(np.asarray(people), return_inverse=True, return_counts=True)
    n = len(places)
    most = min(number + int(counts.max(initial=1)), n)
    distance, other = cKDTree(places).query(places, k=np.arange(1, most + 1))
    order = np.lexsort((other, distance), axis=1)
    distance, other = (np.take_along_axis(values, order, axis=1) for values in (distance, other))
    is_other = person[other] != person[:, None]
    rank = np.cumsum(is_other, axis=1)
    kept = is_other & (rank <= number)
    rows = np.broadcast_to(np.arange(n)[:, None], kept.shape)
    columns = {"scan": rows, "rank": rank, "neighbour": other, "distance": distance}
    return pd.DataFrame({name: values[kept] for name, values in columns.items()})
