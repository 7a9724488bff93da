"""Features as a step of scikit-learn pipelines."""

import pickle

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from neurofm_bids.api import NeuroFM, read_brain
from neurofm_bids.transformer import NeuroFMFeatures
from tests.conftest import TEMPLATE_BRAIN


def test_features_in_a_pipeline():
    volume = read_brain(TEMPLATE_BRAIN)
    brains = [volume, volume[::-1].copy(), np.roll(volume, 3, axis=1), np.roll(volume, 5, axis=2)]
    step = NeuroFMFeatures(device="cpu", views=1, prepared=True)
    pipeline = make_pipeline(clone(step), Ridge())
    pipeline.fit(brains, [1.0, 2.0, 3.0, 4.0])
    assert pipeline.predict(brains).shape == (4,)
    features = step.fit(brains).transform(brains[:2])
    model = NeuroFM("open-s", device="cpu", views=1)
    expected = np.stack([found.features for found in model.encode(brains[:2])])
    assert np.array_equal(features, expected)
    assert len(step.get_feature_names_out()) == features.shape[1]
    assert step.transform([]).shape == (0, 160)


def test_a_pickled_step_holds_no_network_and_works_again():
    step = NeuroFMFeatures(device="cpu", views=1, prepared=True)
    features = step.transform([TEMPLATE_BRAIN])
    data = pickle.dumps(step)
    assert len(data) < 10_000
    assert np.array_equal(pickle.loads(data).transform([TEMPLATE_BRAIN]), features)
    step.set_params(views=2)
    assert not np.array_equal(step.transform([TEMPLATE_BRAIN]), features)
