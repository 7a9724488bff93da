"""A file of a harmonisation says the same, and is refused if it was edited."""

import json

import numpy as np
import pytest

from neurofm_bids.analysis.sites.file import read_sites, write_sites
from neurofm_bids.analysis.sites.model import harmonise, learn_sites
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.records.origin import make_origin
from tests.analysis.sites.cohorts import cohort


def test_a_file_says_the_same(tmp_path):
    table, columns, _ = cohort()
    model = learn_sites(table, columns, smooth=("age",))
    origin = make_origin(1, "aa", None, {"views": 8})
    write_sites(tmp_path / "sites.json", {"features": model}, "1.0", origin)
    file = read_sites(tmp_path / "sites.json")
    assert file.origin == origin
    again = harmonise(file.models["features"], table)
    assert np.allclose(again, harmonise(model, table), atol=1e-5)
    values = json.loads((tmp_path / "sites.json").read_text())
    values["Models"]["features"]["Scans"]["a"] += 1
    (tmp_path / "sites.json").write_text(json.dumps(values))
    with pytest.raises(NeuroFMError, match="the harmonisation is damaged or was edited"):
        read_sites(tmp_path / "sites.json")
