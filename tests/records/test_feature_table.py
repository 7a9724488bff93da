"""The table of the features of one scan."""

import numpy as np
import pytest

from neurofm_bids.pipeline.write import features_table
from neurofm_bids.records.feature_table import read_features


def test_features_survive_their_table(tmp_path):
    features = np.random.default_rng(0).normal(size=12).astype(np.float32)
    (tmp_path / "a.tsv").write_text(features_table(features))
    found = read_features(tmp_path / "a.tsv")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, features, rtol=1e-7)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("f000\tf001\n1\tinf\n", "a feature is not finite"),
        ("f000\tf002\n1\t2\n", "exactly one row with the columns f000, f001"),
        ("f000\n1\n2\n", "exactly one row"),
        ("f000\tf001\n1\t\n", "exactly one row"),
        ("f000\nhigh\n", "could not convert"),
    ],
)
def test_other_tables_are_refused(tmp_path, text, reason):
    (tmp_path / "a.tsv").write_text(text)
    with pytest.raises(ValueError, match=reason):
        read_features(tmp_path / "a.tsv")
