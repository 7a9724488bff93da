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
