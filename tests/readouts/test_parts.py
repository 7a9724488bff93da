"""The parts of a readout."""

import numpy as np

from neurofm_bids.readouts.parts import Cloud


def test_a_cloud_without_components_has_no_axes():
    one = Cloud((0.0, 0.0), (1.0, 1.0), ((1.0, 0.0),), (1.0,), 1.0, ())
    assert np.array_equal(one.axes, [[1.0, 0.0]])
    assert Cloud((0.0, 0.0), (1.0, 1.0), (), (), 1.0, ()).axes.shape == (0, 2)
