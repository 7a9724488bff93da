from dataclasses import replace

import numpy as np

from neurofm_bids.readouts.samples import Samples
from tests.readouts.cohorts import samples_of


def test_taking_rows_takes_all_that_belongs_to_them():
    whole = samples_of(harmonised=True)
    part = Samples.take(whole, np.array([3, 5]))
    assert len(part) == 2
    assert np.array_equal(part.features[1], whole.features[5])
    assert (part.target[0], part.people[0], part.sites[1]) == (whole.target[3], 3, 1)
    assert part.is_harmonised


def test_families_are_what_is_kept_together_and_people_what_is_counted():
    whole = replace(samples_of(scans=6), together=np.array([0, 0, 0, 1, 1, 1]))
    part = whole.take(np.array([2, 3, 4]))
    assert (part.blocks.tolist(), part.people.tolist()) == ([0, 1, 1], [2, 3, 4])
    assert samples_of(scans=3).blocks.tolist() == [0, 1, 2]
