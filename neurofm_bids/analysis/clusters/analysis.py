"""Clusters of the scans of a cohort: from scans to tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.clusters.embedding import umap_axes
from neurofm_bids.analysis.clusters.inputs import Inputs, read_inputs
from neurofm_bids.analysis.clusters.neighbours import nearest_neighbours
from neurofm_bids.analysis.clusters.partition import Labels, centres_of, nearest_centre, nearest_label
from neurofm_bids.analysis.clusters.profile import cluster_profile
from neurofm_bids.analysis.clusters.search import LEAST_PER_CLUSTER, Clustering, find_clusters
from neurofm_bids.analysis.clusters.settings import ClusterSettings
from neurofm_bids.analysis.clusters.space import Space, make_space
from neurofm_bids.analysis.clusters.stability import verdict
from neurofm_bids.analysis.result import Result
from neurofm_bids.analysis.scans import PARTICIPANT, SCAN, SESSION, Scans
from neurofm_bids.readouts.threads import one_thread

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEAST_PEOPLE", "STABILITY_COLUMNS", "analyse"]

LEAST_PEOPLE = 20
_IDENTITY = [PARTICIPANT, SESSION, SCAN]
STABILITY_COLUMNS = (
    "method",
    "n_clusters",
    "is_chosen",
    "cluster",
    "n",
    "jaccard",
    "stability",
    "separation_p",
    "silhouette",
)


def analyse(scans: Scans, settings: ClusterSettings | None) -> Result | None:
    """Return the tables of clusters and neighbours.

    One scan of each participant, the first that takes part in statistics, makes the space and the clusters;
    other scans are placed in them. Results are equal on one machine.

    Parameters
    ----------
    settings
        None if clusters are not wanted: so is the result.

    Raises
    ------
    NeuroFMError
        A column of the settings does not exist or has no numbers, no volumes are known where they are
        wanted, or umap-learn is not installed.
    """
    if settings is None:
        return None
    with one_thread():
        inputs = read_inputs(scans, settings)
        space = make_space(inputs.features, inputs.makers)
        people = int(inputs.makers.sum())
        if people < LEAST_PEOPLE or space is None:
            few = f"{people} participants have usable scans, {LEAST_PEOPLE} are needed"
            return Result(remarks=(f"Clusters: not looked for. {few}.", *inputs.remarks))
        return _result(scans, settings, inputs, space)


def _result(scans: Scans, settings: ClusterSettings, inputs: Inputs, space: Space) -> Result:
    import pandas as pd

    own = space.places[inputs.makers]
    low, high = settings.numbers
    tried = find_clusters(own, settings.methods, (low, high))
    chosen = [one for one in tried if one.is_chosen]
    tables = {
        "clusters": _scans_table(scans, settings, inputs, space, chosen),
        "clusterstability": _stability_table(tried),
    }
    parts = [_profile(scans, inputs, one) for one in chosen if one.number > 1]
    if parts:
        tables["clusterprofile"] = pd.concat(parts, ignore_index=True)
    if settings.neighbours:
        tables["neighbours"] = _neighbours_table(scans, space, settings.neighbours)
    return Result(tables, (*inputs.remarks, *_remarks(tried, settings, len(own))))


def _scans_table(
    scans: Scans, settings: ClusterSettings, inputs: Inputs, space: Space, chosen: Iterable[Clustering]
) -> pd.DataFrame:
    table = scans.table[_IDENTITY].copy()
    known = space.known
    role = np.where(inputs.makers, "made", "assigned").astype(object)
    role[~known] = None
    table["role"] = role
    for number, values in enumerate(space.places.T, start=1):
        table[f"pc_{number}"] = values
    if settings.umap:
        axes = np.full((len(table), 2), np.nan)
        axes[known] = umap_axes(space.places[known])
        table["umap_1"], table["umap_2"] = axes.T
    for one in chosen:
        labels = np.full(len(table), None, dtype=object)
        labels[known] = [int(label) for label in _assigned(one, space.places, inputs.makers)[known]]
        table[one.method] = labels
    return table


def _assigned(one: Clustering, places: npt.NDArray[np.float64], makers: npt.NDArray[np.bool_]) -> Labels:
    """Return the cluster of every scan that has a place: of its own, or of the nearest centre or scan."""
    labels = np.full(len(places), -1, dtype=np.intp)
    labels[makers] = one.labels
    others = np.isfinite(places).all(axis=1) & ~makers
    if not others.any():
        return labels
    if one.method == "kmeans":
        labels[others] = nearest_centre(places[others], centres_of(places[makers], one.labels))
    else:
        labels[others] = nearest_label(places[others], places[makers], one.labels)
    return labels


def _stability_table(tried: Sequence[Clustering]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        (
            one.method,
            one.number,
            one.is_chosen,
            cluster + 1,
            int((one.labels == cluster + 1).sum()),
            one.similarity[cluster],
            None if np.isnan(one.similarity[cluster]) else verdict(one.similarity[cluster]),
            one.separation[cluster],
            one.silhouette[cluster],
        )
        for one in tried
        for cluster in range(one.number)
    ]
    return pd.DataFrame(rows, columns=list(STABILITY_COLUMNS))


def _profile(scans: Scans, inputs: Inputs, one: Clustering) -> pd.DataFrame:
    own = {name: values[inputs.makers] for name, values in inputs.adjust.items()}
    profile = cluster_profile(scans.table.loc[inputs.makers], one.labels, inputs.kinds, own)
    profile.insert(0, "method", one.method)
    return profile


def _neighbours_table(scans: Scans, space: Space, number: int) -> pd.DataFrame:
    known = np.flatnonzero(space.known)
    people = scans.table[PARTICIPANT].to_numpy()[known]
    found = nearest_neighbours(space.places[known], people, number)
    table = scans.table[_IDENTITY].iloc[known[found["scan"]]].reset_index(drop=True)
    table["rank"] = found["rank"]
    table["neighbour"] = scans.table[SCAN].to_numpy()[known[found["neighbour"]]]
    table["distance"] = found["distance"]
    return table


def _remarks(found: Sequence[Clustering], settings: ClusterSettings, people: int) -> list[str]:
    low, high = settings.numbers
    most = min(high, people // LEAST_PER_CLUSTER)
    remarks = [] if most == high or "kmeans" not in settings.methods else [_not_tried(low, high, people)]
    for one in (one for one in found if one.is_chosen):
        if one.number == 1 and (one.method != "kmeans" or most >= low):
            numbers = str(low) if low == most else f"{low} to {most}"
            tried = f" of the divisions into {numbers}" if one.method == "kmeans" else ""
            remarks.append(
                f"Clusters by {one.method}: none{tried} are stable and separate, so all scans are in one. "
                "See the table clusterstability."
            )
        elif low == high and one.method == "kmeans" and not one.are_real(0.05).all() and one.number > 1:
            remarks.append(
                f"Clusters by {one.method}: the settings ask for {low}, but not all of them are stable and "
                "separate. See the table clusterstability."
            )
    return remarks


def _not_tried(low: int, high: int, people: int) -> str:
    first = max(low, people // LEAST_PER_CLUSTER + 1)
    numbers = str(high) if first == high else f"{first} to {high}"
    return (
        f"Clusters by kmeans: {numbers} were not tried. Each cluster needs {LEAST_PER_CLUSTER} participants, "
        f"{high * LEAST_PER_CLUSTER} for {high} clusters; there are {people}."
    )
