"""The objective of each recipe."""

from __future__ import annotations

from neurofm_bids.pretrain.training.features import FeatureObjective
from neurofm_bids.pretrain.training.objective import Objective
from neurofm_bids.pretrain.training.recipe import ANATOMY, Recipe
from neurofm_bids.pretrain.training.segmentation import SegmentationObjective

__all__ = ["objective_of"]


def objective_of(recipe: Recipe) -> Objective:
    """Return what a recipe teaches."""
    return SegmentationObjective(recipe) if recipe.variant == ANATOMY else FeatureObjective(recipe)
