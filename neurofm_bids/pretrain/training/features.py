"""Learning the features of NeuroFM from volumes and cells of volumes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurofm_bids.anatomy.regions import REGIONS
from neurofm_bids.config import Processing
from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.augmentation import LATTICE_SIZE
from neurofm_bids.model.fast import FastNetwork
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.model.registry import model_spec
from neurofm_bids.model.weights import load_network, save_network
from neurofm_bids.pretrain.evaluation.dimension import participation_ratio
from neurofm_bids.pretrain.evaluation.metrics import agreement, auc
from neurofm_bids.pretrain.evaluation.probes import ridge_predictions
from neurofm_bids.pretrain.synthesis.generator import Sample
from neurofm_bids.pretrain.training.age_scale import age_scale, rescale_age
from neurofm_bids.pretrain.training.feature_examples import (
    FeatureExample,
    feature_arrays,
    feature_example,
    whole_lattice,
)
from neurofm_bids.pretrain.training.losses import NetworkWithAuxiliaryHeads, estimates
from neurofm_bids.pretrain.training.objective import Row
from neurofm_bids.pretrain.training.precision import Compute, precision_of
from neurofm_bids.pretrain.training.recipe import Recipe
from neurofm_bids.pretrain.training.region_losses import RegionLossWeights

__all__ = ["FeatureObjective", "encode_examples", "evaluate_features", "timed_features"]

_TIMED_BOX = (64, 72, 80)  # of the lattice, about the size of a head
_FEWEST = 32  # held-out examples, to measure what features hold


@dataclass(frozen=True)
class FeatureObjective:
    """The four targets of the whole brain, see :class:`NetworkWithAuxiliaryHeads`.

    Parameters
    ----------
    recipe
        The settings.
    """

    recipe: Recipe

    @property
    def held_out_samples(self) -> int:
        """Number of samples of the held-out label maps."""
        return self.recipe.held_out_samples

    @property
    def loss_weights(self) -> dict[str, Any]:
        """Weights of the losses of regions."""
        return asdict(RegionLossWeights())

    def learner(self) -> NetworkWithAuxiliaryHeads:
        """Return a network with random weights and its auxiliary heads."""
        variant = self.recipe.variant
        precision = precision_of(self.recipe.precision, timed_features, variant)
        return NetworkWithAuxiliaryHeads(ARCHITECTURES[variant], precision)

    def start(self, learner: NetworkWithAuxiliaryHeads, examples: Sequence[FeatureExample]) -> None:
        """Estimate the statistics of batch normalisation from examples.

        They are kept: fixed statistics are only a change of variables; those of a batch of four would remove
        the very means that carry the targets.
        """
        network = learner.network.train()
        device = next(network.parameters()).device
        for norm in network.modules():
            if isinstance(norm, nn.BatchNorm3d | nn.BatchNorm1d):
                norm.reset_running_stats()
                norm.momentum = None  # cumulative mean
        with torch.no_grad():
            for first in range(0, len(examples), 2):
                lattices = torch.stack([whole_lattice(example) for example in examples[first : first + 2]])
                network.forward_lattice(lattices[:, None].to(device))

    def load(self, path: Path) -> NeuroFMNet:
        """Return the network of given initial weights."""
        return load_network(path, replace(model_spec(Processing.model), variant=self.recipe.variant))

    def freeze(self, network: NeuroFMNet) -> None:
        """Keep the statistics of batch normalisation."""
        network.eval()

    def arrays(self, sample: Sample) -> dict[str, NDArray[Any]]:
        """Return the arrays of a sample."""
        return feature_arrays(sample)

    def example(self, arrays: dict[str, NDArray[Any]]) -> FeatureExample:
        """Return the example of arrays."""
        return feature_example(arrays)

    def loss(self, learner: NetworkWithAuxiliaryHeads, example: FeatureExample, step: int) -> Tensor:
        """Return the loss of an example."""
        loss: Tensor = learner(example, self.recipe.target_weight_at(step))
        return loss

    def evaluate(self, network: NeuroFMNet, examples: Sequence[FeatureExample]) -> Row:
        """Return errors and correlations of the four targets."""
        return evaluate_features(network, examples)

    def calibrate(self, network: NeuroFMNet, examples: Iterable[FeatureExample]) -> dict[str, float]:
        """Stretch predicted ages, see :func:`age_scale`; return the scale."""
        ages = [(float(e.age_years), encode_examples(network, [e])[0][0, 0]) for e in examples]
        scale = age_scale(*np.array(ages).T)
        rescale_age(network, scale)
        return {f"age_{name}": value for name, value in scale._asdict().items()}

    def save(self, network: NeuroFMNet, target: Path, metadata: dict[str, Any]) -> None:
        """Write the weights."""
        save_network(network, target, metadata)


def timed_features(variant: str) -> Compute:
    """Return what computes the features of a box of the size of a head, with random weights."""
    network = NeuroFMNet(ARCHITECTURES[variant])
    box = torch.linspace(-1, 3, prod(_TIMED_BOX)).view(1, *_TIMED_BOX)
    start = [(LATTICE_SIZE - edge) // 2 for edge in _TIMED_BOX]

    def compute(precision: torch.dtype) -> Tensor:
        fast = FastNetwork(network, precision, differentiable=True)
        return fast.traced(box, start, box[:, 0, 0, 0]).latent.sum()

    return compute


def encode_examples(
    network: NeuroFMNet, examples: Sequence[FeatureExample]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the four predictions of examples, as :class:`Estimates`, (n, 4), and their features, (n, f)."""
    device = next(network.parameters()).device
    fast = FastNetwork(network).to(device)
    rows, features = [], []
    for example in (e.to(device) for e in examples):
        outputs = fast(example.box[None], example.start, example.background[None])
        rows.append([float(value[0]) for value in estimates(outputs)])
        features.append(outputs.latent[0].double().cpu().numpy())
    return np.array(rows), np.array(features)


def evaluate_features(network: NeuroFMNet, examples: Sequence[FeatureExample]) -> Row:
    """Return errors and correlations of the four targets over examples; None where too few are known.

    With :data:`_FEWEST` examples also: the participation ratio of the features, and the mean correlation of
    the shares of structures with what ridge regressions read from the features.
    """
    predictions, features = encode_examples(network, examples)
    age, male, lateral, brain = predictions.T
    scores: Row = {}
    for name, target, values, metrics in (
        ("brain", "brain_ml", brain, ("mae", "bias", "r")),
        ("lateral", "lateral_ml", lateral, ("mae", "log_r", "log_slope")),
        ("age", "age_years", age, ("mae", "bias", "r")),
    ):
        result = agreement(_known(examples, target), values) or dict.fromkeys(metrics)
        scores |= {f"{name}_{metric}": result[metric] for metric in metrics}
    scores["sex_auc"] = auc(_known(examples, "sex"), male)
    return scores | _evaluate_latent(features, examples)


def _evaluate_latent(features: NDArray[np.float64], examples: Sequence[FeatureExample]) -> Row:
    """Return in how many directions the features vary, and how well they hold shares of the brain."""
    if len(examples) < _FEWEST:
        return {"participation_ratio": None, "shares_r": None}
    shares = np.log(np.array([_shares(example) for example in examples]))
    predicted = ridge_predictions(features, shares, [str(number) for number in range(len(examples))])
    correlations = [np.corrcoef(predicted[:, s], shares[:, s])[0, 1] for s in range(shares.shape[1])]
    return {"participation_ratio": participation_ratio(features), "shares_r": float(np.mean(correlations))}


def _shares(example: FeatureExample) -> NDArray[np.float64]:
    """Return the volumes of the structures over their sum, (23,)."""
    regions = example.regions.double().sum(dim=(1, 2, 3)).cpu().numpy()
    structures = np.bincount([region.structure for region in REGIONS], regions)
    return np.asarray((structures + 1e-6) / structures.sum())


def _known(examples: Sequence[FeatureExample], target: str) -> NDArray[np.float64]:
    return np.array([float(getattr(example, target)) for example in examples])
