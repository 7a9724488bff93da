import math

import numpy as np
import pytest
from scipy import stats

from neurofm_bids.norms.distribution import Distribution, centile_of

KINDS = {
    "normal": (Distribution(1000.0, 50.0), stats.norm(1000, 50)),
    "log-normal": (Distribution(7.0, 0.4, "logarithm"), stats.lognorm(0.4, scale=math.exp(7.0))),
    "with choroid plexus": (
        Distribution(7.0, 0.4, "logarithm", 1200.0),
        stats.lognorm(0.4, loc=1200, scale=math.exp(7.0)),
    ),
    "of few people": (Distribution(1000.0, 50.0, degrees=7.0), stats.t(7, 1000, 50)),
}


@pytest.mark.parametrize(("own", "known"), KINDS.values(), ids=KINDS)
def test_centiles_and_quantiles_are_those_of_scipy(own, known):
    assert own.median == pytest.approx(known.median())
    for share in (0.001, 0.05, 0.5, 0.8413, 0.999):
        volume = known.ppf(share)
        assert centile_of(own.z(volume)) == pytest.approx(100 * share, rel=1e-9)
        assert own.quantile(100 * share) == pytest.approx(volume)


def test_volumes_without_any_sense_have_the_farthest_scores():
    ventricle = Distribution(7.0, 0.4, "logarithm", 1200.0)
    assert ventricle.z(1200.0) == ventricle.z(0.0) == -8.0
    assert Distribution(1000.0, 1.0).z(1e9) == 8.0
    assert Distribution(1000.0, 1.0, degrees=300.0).z(1e9) == 8.0
    assert centile_of(-8.0) > 0


def test_scores_grow_with_volumes():
    volumes = np.linspace(1, 5000, 200)
    for own, _ in KINDS.values():
        scores = [own.z(volume) for volume in volumes]
        assert (np.diff(scores) >= 0).all()
