"""Calibration of trained weights on new synthetic brains of the label maps that their training held out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import make
from neurofm_bids.pretrain.anatomy.cache import load_anatomies
from neurofm_bids.pretrain.training.data import ExampleDataset, SampleOrder, load_examples
from neurofm_bids.pretrain.training.objectives import objective_of
from neurofm_bids.pretrain.training.recipe import Recipe
from neurofm_bids.storage.weights_file import read_weights

if TYPE_CHECKING:
    from neurofm_bids.pretrain.settings import Calibration

__all__ = ["calibrate"]

_SEED_OFFSET = 4  # other brains than those of training, its evaluation and benchmarks


def calibrate(settings: Calibration) -> None:
    """Calibrate a file of weights, which is rewritten with the factors among its metadata.

    Raises
    ------
    NeuroFMError
        The file is not of a network that was trained here, or a held-out label map is absent.
    """
    about = read_weights(settings.out).provenance
    try:
        recipe = make(Recipe, about["recipe"])
    except (KeyError, TypeError) as error:
        raise NeuroFMError(
            "the weights do not say how they were trained",
            where=settings.out,
            fix="Export them from a training.",
            code=Exit.DATA,
        ) from error
    held_out = set(recipe.held_out or ())
    anatomies = [a for a in load_anatomies(settings.maps, settings.cache_folder) if a.name in held_out]
    absent = sorted(held_out - {a.name for a in anatomies})
    if absent or not held_out:
        raise NeuroFMError(
            f"held-out label maps are not there: {', '.join(absent) or 'none is named'}",
            where=", ".join(map(str, settings.maps)),
            fix="Use the folders of label maps of the training.",
            code=Exit.NO_INPUT,
        )
    objective = objective_of(recipe)
    network = objective.load(settings.out)
    order = SampleOrder(recipe.seed + _SEED_OFFSET, round_size=settings.n)
    brains = ExampleDataset(objective, anatomies, order, range(settings.n), None)
    factors = objective.calibrate(network, load_examples(brains, settings.workers))
    objective.save(network, settings.out, {**about, "calibration": factors})
