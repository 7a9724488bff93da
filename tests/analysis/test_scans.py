"""Scans as analyses take them."""

import numpy as np
import pandas as pd

from neurofm_bids.analysis.scans import PARTICIPANT, Scans, first_of_each


def test_the_table_has_a_row_per_row_of_the_features():
    table = pd.DataFrame({PARTICIPANT: ["sub-01"]})
    scans = Scans(table, np.zeros((1, 4), np.float32), np.array([True]), {}, (), ())
    assert len(scans.table) == len(scans.features) == len(scans.included)


def test_the_first_usable_scan_stands_for_a_participant():
    people, usable = pd.Series(["a", "a", "b", "a", "b"]), np.array([False, True, True, True, True])
    assert first_of_each(people, usable).tolist() == [False, True, True, False, False]
