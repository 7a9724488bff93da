import numpy as np
import pytest

from neurofm_bids.readouts.cloud import make_cloud
from neurofm_bids.readouts.distance import distances
from tests.readouts.cohorts import features_of


@pytest.mark.parametrize("width", [10, 400])
def test_new_scans_of_the_same_kind_are_as_far_as_those_of_the_training(width):
    rng = np.random.default_rng(0)
    values, _ = features_of(rng, 400, width)
    cloud = make_cloud(values[:200], np.arange(200))
    new = distances(cloud, values[200:])
    assert (new <= cloud.distances[95]).mean() == pytest.approx(0.95, abs=0.06)
    assert distances(cloud, values[200:] + 30).min() > cloud.distances[100]


def test_a_constant_feature_and_few_people_are_no_trouble():
    values = np.random.default_rng(0).normal(size=(12, 5))
    values[:, 1] = 3
    cloud = make_cloud(values, np.arange(12))
    assert len(cloud.components) == 1
    assert min(cloud.sd) > 0
    assert np.isfinite(cloud.distances).all()


def test_scans_of_a_person_are_not_compared_with_each_other():
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(size=(40, 60)), 2, axis=0)
    own, alone = (make_cloud(values, people).distances[50] for people in (np.arange(80) // 2, np.arange(80)))
    assert own > alone
