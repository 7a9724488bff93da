"""Intervals of volumes: the errors of a segmentation network on synthetic brains of held-out label maps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.anatomy.morphometry import MEASURED, conformal_factor, summed
from neurofm_bids.anatomy.segmentation import LATTICE_VOXEL_MM3, lattice_volumes, region_amounts
from neurofm_bids.anatomy.weights import load_anatomy_network, save_anatomy_network
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import make
from neurofm_bids.pretrain.anatomy.cache import load_anatomies
from neurofm_bids.pretrain.training.data import ExampleDataset, SampleOrder, load_examples
from neurofm_bids.pretrain.training.recipe import Recipe
from neurofm_bids.pretrain.training.segmentation import SegmentationExample, SegmentationObjective
from neurofm_bids.storage.weights_file import read_weights

if TYPE_CHECKING:
    from neurofm_bids.anatomy.network import AnatomyNet
    from neurofm_bids.pretrain.settings import Calibration

__all__ = ["calibrate", "calibration_factors", "true_volumes"]

_SEED_OFFSET = 2  # training and its evaluation use the seed and the next one


def calibrate(settings: Calibration) -> None:
    """Add a calibration to a file of weights, from new brains of the label maps its training held out.

    Raises
    ------
    NeuroFMError
        The file is not of a segmentation network that was trained here, or a held-out label map is absent.
    """
    network = load_anatomy_network(settings.out)
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
    order = SampleOrder(recipe.seed + _SEED_OFFSET, round_size=settings.n)
    brains = ExampleDataset(SegmentationObjective(recipe), anatomies, order, range(settings.n), None)
    factors = calibration_factors(network, load_examples(brains, settings.workers))
    save_anatomy_network(network, settings.out, {**about, "calibration": factors})


def calibration_factors(network: AnatomyNet, examples: Iterable[SegmentationExample]) -> dict[str, float]:
    """Return the factor of the interval of each volume, see :func:`neurofm_bids.anatomy.morphometry.measure`.

    Volumes and confidence are those of one lattice; the mean over several is a little more exact.
    """
    rows = [(true_volumes(example), *lattice_volumes(network, example.image)) for example in examples]
    true, found, confidence = (np.array(columns) for columns in zip(*rows, strict=True))
    factors = {}
    for name, members in MEASURED.items():
        totals, certain = np.array([summed(*row, members) for row in zip(found, confidence, strict=True)]).T
        factor = conformal_factor(true[:, list(members)].sum(axis=1), totals, certain)
        if factor is not None:
            factors[name] = factor
    return factors


def true_volumes(example: SegmentationExample) -> NDArray[np.float64]:
    """Return the volumes of the regions, then of CSF outside the ventricles, in mm3, (43,)."""
    return region_amounts(example.dense(), example.left)[:, 0] * LATTICE_VOXEL_MM3
