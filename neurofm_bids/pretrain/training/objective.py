"""Objective: what a training teaches a network, and how its success is measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from numpy.typing import NDArray
from torch import Tensor, nn

from neurofm_bids.pretrain.synthesis.generator import Sample

__all__ = ["Learner", "Objective", "Row"]

Row: TypeAlias = dict[str, float | None]


class Learner(Protocol):
    """A network, and what it needs in training only."""

    network: nn.Module


class Objective(Protocol):
    """What the training loop leaves to the kind of network."""

    @property
    def held_out_samples(self) -> int:
        """Number of samples of the held-out label maps."""

    @property
    def loss_weights(self) -> dict[str, Any]:
        """Weights of the parts of the loss that are no options, for the metadata."""

    def learner(self) -> nn.Module:
        """Return a :class:`Learner` with random weights."""

    def start(self, learner: Any, examples: Sequence[Any]) -> None:
        """Set what depends on the data, before the first step from random weights."""

    def load(self, path: Path) -> nn.Module:
        """Return the network of given initial weights."""

    def freeze(self, network: Any) -> None:
        """Set the mode of a network in training."""

    def arrays(self, sample: Sample) -> dict[str, NDArray[Any]]:
        """Return what the example of a sample consists of."""

    def example(self, arrays: dict[str, NDArray[Any]]) -> Any:
        """Return the example of arrays."""

    def loss(self, learner: Any, example: Any, step: int) -> Tensor:
        """Return the loss of an example."""

    def evaluate(self, network: Any, examples: Sequence[Any]) -> Row:
        """Return metrics of a network on examples of held-out label maps."""

    def calibrate(self, network: Any, examples: Iterable[Any]) -> dict[str, float]:
        """Correct a trained network by examples of held-out label maps; return factors for the metadata."""

    def save(self, network: Any, target: Path, metadata: dict[str, Any]) -> None:
        """Write the weights of a trained network."""
