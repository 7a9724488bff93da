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
    "of a share": (Distribution(-1.0, 0.5, "logit"), None),
    "skewed": (Distribution(1000.0, 50.0, skew=0.4, tail=-0.2), None),
    "of few people": (Distribution(1000.0, 50.0, degrees=7.0), stats.t(7, 1000, 50)),
}


OF_SCIPY = {name: pair for name, pair in KINDS.items() if pair[1]}


@pytest.mark.parametrize(("own", "known"), OF_SCIPY.values(), ids=OF_SCIPY)
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


@pytest.mark.parametrize("name", ["of a share", "skewed"])
def test_centiles_are_the_inverse_of_quantiles(name):
    own = KINDS[name][0]
    for share in (0.1, 5, 50, 84, 99.9):
        assert centile_of(own.z(own.quantile(share))) == pytest.approx(share, rel=1e-6)


def test_errors_are_sinh_arcsinh():
    """Formula of Jones and Pewsey 2009: x = sinh(delta arcsinh(y) - epsilon) is normal."""
    own, y = Distribution(0.0, 1.0, skew=0.4, tail=-0.2), 1.3
    assert own.z(y) == pytest.approx(math.sinh(math.exp(-0.2) * math.asinh(y) - 0.4))
    assert own.median == pytest.approx(math.sinh(0.4 / math.exp(-0.2)))
    assert own.z(1e300) == 8.0


def test_shares_lie_between_0_and_1():
    own = Distribution(-1.0, 0.5, "logit")
    assert own.median == pytest.approx(1 / (1 + math.e))
    assert (own.z(0.0), own.z(1.0)) == (-8.0, 8.0)


def test_scores_grow_with_volumes():
    volumes = np.linspace(1, 5000, 200)
    for own, _ in KINDS.values():
        values = np.linspace(0, 1, 200) if own.of == "logit" else volumes
        scores = [own.z(value) for value in values]
        assert (np.diff(scores) >= 0).all()
