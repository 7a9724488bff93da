"""UMAP."""

import sys

import numpy as np
import pytest

from neurofm_bids.analysis.clusters.embedding import umap_axes
from neurofm_bids.errors import Exit, NeuroFMError
from tests.analysis.clusters.cohorts import planted


def test_without_the_package_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(
        NeuroFMError, match=r"umap-learn is not installed.*pip install '\.\[cohort\]'"
    ) as error:
        umap_axes(np.zeros((9, 3)))
    assert error.value.code == Exit.USAGE


@pytest.mark.slow
def test_planted_clusters_are_apart_and_equal_places_give_equal_axes():
    pytest.importorskip("umap")
    places, truth = planted((40, 40), distance=9)
    axes = umap_axes(places)
    centres = np.array([axes[truth == number].mean(axis=0) for number in (0, 1)])
    spread = max(np.linalg.norm(axes[truth == n] - centres[n], axis=1).mean() for n in (0, 1))
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * spread
    assert np.array_equal(axes, umap_axes(places))
