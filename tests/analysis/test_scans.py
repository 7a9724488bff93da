"""Scans as analyses take them."""

import numpy as np
import pandas as pd

from neurofm_bids.analysis.scans import PARTICIPANT, Scans


def test_the_table_has_a_row_per_row_of_the_features():
    table = pd.DataFrame({PARTICIPANT: ["sub-01"]})
    scans = Scans(table, np.zeros((1, 4), np.float32), np.array([True]), {}, (), ())
    assert len(scans.table) == len(scans.features) == len(scans.included)
