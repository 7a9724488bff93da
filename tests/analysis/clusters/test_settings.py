"""Settings of clusters."""

import pytest

from neurofm_bids.analysis.clusters.settings import METHODS, ClusterSettings
from neurofm_bids.analysis.settings import read_settings
from neurofm_bids.errors import NeuroFMError


def read(tmp_path, text):
    path = tmp_path / "group.toml"
    path.write_text(text)
    return read_settings(path).clusters


def test_the_table_asks_for_clusters(tmp_path):
    assert read(tmp_path, "[columns]") is None
    assert read(tmp_path, "[clusters]") == ClusterSettings(methods=METHODS)
    text = '[clusters]\nfeatures = "both"\nnumbers = [3, 3]\nadjust = ["age"]\numap = true\nneighbours = 0'
    expected = ClusterSettings("both", ("age",), numbers=(3, 3), umap=True, neighbours=0)
    assert read(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('features = "volumes"', "'volumes' are not known.*key features.*latent, regional, both"),
        ('methods = ["ward"]', "'ward' is not known.*kmeans, hdbscan"),
        ("numbers = [5, 2]", "5 to 2 is not a range"),
        ("numbers = [1, 2]", "1 to 2 is not a range"),
        ("numbers = [4]", "4 is not a range"),
        ("neighbours = -1", "-1 is below 0"),
    ],
)
def test_values_that_are_not_valid_are_refused(tmp_path, line, message):
    with pytest.raises(NeuroFMError, match=message):
        read(tmp_path, f"[clusters]\n{line}")
