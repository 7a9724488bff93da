from neurofm_bids.readouts.core import Core
from neurofm_bids.readouts.readout import Evaluation, Linear


def test_what_a_kind_does_not_have_is_empty():
    one = Core((Linear(0.0, (1.0,)),), (), (), Evaluation({}))
    assert (one.thresholds, one.baselines, one.calibration, one.residual_quantile) == ((), (), None, None)
