import pytest

from neurofm_bids.pretrain.training.features import FeatureObjective
from neurofm_bids.pretrain.training.objectives import objective_of
from neurofm_bids.pretrain.training.recipe import Recipe
from neurofm_bids.pretrain.training.segmentation import SegmentationObjective


@pytest.mark.parametrize(
    ("variant", "kind"),
    [
        ("s", FeatureObjective),
        ("m", FeatureObjective),
        ("l", FeatureObjective),
        ("anatomy", SegmentationObjective),
    ],
)
def test_the_variant_decides_what_is_learnt(variant, kind):
    recipe = Recipe(variant=variant)
    objective = objective_of(recipe)
    assert type(objective) is kind
    assert objective.recipe == recipe
