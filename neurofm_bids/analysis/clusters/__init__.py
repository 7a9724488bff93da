"""Clusters of scans: a space, k-means and density clusters, their stability, and what distinguishes them."""

from neurofm_bids.analysis.clusters.analysis import analyse
from neurofm_bids.analysis.clusters.components import PrincipalComponents, fit_components
from neurofm_bids.analysis.clusters.neighbours import nearest_neighbours
from neurofm_bids.analysis.clusters.profile import cluster_profile
from neurofm_bids.analysis.clusters.search import Clustering, find_clusters
from neurofm_bids.analysis.clusters.settings import ClusterSettings
from neurofm_bids.analysis.clusters.space import Space, make_space

__all__ = [
    "ClusterSettings",
    "Clustering",
    "PrincipalComponents",
    "Space",
    "analyse",
    "cluster_profile",
    "find_clusters",
    "fit_components",
    "make_space",
    "nearest_neighbours",
]
