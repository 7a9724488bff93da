import inspect

import pytest

from neurofm_bids.pretrain.training.features import FeatureObjective
from neurofm_bids.pretrain.training.objective import Objective
from neurofm_bids.pretrain.training.recipe import Recipe
from neurofm_bids.pretrain.training.segmentation import SegmentationObjective


@pytest.mark.parametrize("kind", [FeatureObjective, SegmentationObjective])
def test_each_objective_has_what_the_training_loop_calls(kind):
    members = {name: value for name, value in Objective.__dict__.items() if not name.startswith("_")}
    assert {"learner", "loss", "evaluate", "held_out_samples"} < set(members)
    for name, declared in members.items():
        own = getattr(kind, name)
        if isinstance(declared, property):
            assert isinstance(own, property), name
        else:
            parameters = [list(inspect.signature(method).parameters) for method in (own, declared)]
            assert parameters[0] == parameters[1], name


@pytest.mark.parametrize("kind", [FeatureObjective, SegmentationObjective])
def test_a_learner_has_the_network_that_is_exported(kind):
    learner = kind(Recipe()).learner()
    names = [name for name, _ in learner.named_parameters()]
    exported = [f"network.{name}" for name, _ in learner.network.named_parameters()]
    assert set(exported) <= set(names)
