"""Readouts: the numbers that are attributed, each computed from the outputs of one pass of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.config import ALL_TARGETS
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.registry import Head, ModelSpec

if TYPE_CHECKING:
    from torch import Tensor

    from neurofm_bids.model.network import Outputs

__all__ = ["LinearReadout", "Readout", "TargetReadout", "target_readouts"]


class Readout(Protocol):
    """A number that is differentiable in the outputs of the network."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def long_name(self) -> str: ...  # noqa: D102
    @property
    def units(self) -> str: ...  # noqa: D102
    def values(self, outputs: Outputs) -> Tensor:
        """Return the number of each volume of a pass, shape (N,)."""


@dataclass(frozen=True)
class LinearReadout:
    """A linear function of the features: ``features @ weights + offset``.

    Parameters
    ----------
    weights
        Shape (n,), one for each feature.
    digest
        Of the file that the weights are from; empty for none.
    """

    name: str
    long_name: str
    units: str
    weights: Sequence[float] | NDArray[np.floating] = field(repr=False)
    offset: float = 0.0
    digest: str = ""

    def values(self, outputs: Outputs) -> Tensor:
        """Return the number of each volume of a pass, shape (N,)."""
        latent = outputs.latent
        return latent @ latent.new_tensor(np.asarray(self.weights)) + self.offset


@dataclass(frozen=True)
class TargetReadout:
    """A target of the model in its units; of a softmax, the logit of the class that is reported."""

    head: Head

    @property
    def name(self) -> str:
        """Name of the target."""
        return self.head.name

    @property
    def long_name(self) -> str:
        """What the number is."""
        of_class = self.head.of_class
        return self.head.long_name if of_class is None else f"Predicted logit of {of_class}"

    @property
    def units(self) -> str:
        """Units of the target; ``1`` of a logit."""
        return self.head.units

    def values(self, outputs: Outputs) -> Tensor:
        """Return the number of each volume of a pass, shape (N,)."""
        given = outputs.heads[self.head.name]
        if self.head.outputs > 1:
            return given[:, -1] - given[:, :-1].logsumexp(dim=1)
        return given * self.head.sd + self.head.mean


def target_readouts(
    spec: ModelSpec, names: Sequence[str] = (ALL_TARGETS,), others: Sequence[str] = ()
) -> tuple[TargetReadout, ...]:
    """Return targets of a model by name, in the order of the model; ``all`` stands for every one.

    Parameters
    ----------
    others
        What can be attributed besides the targets, for the message of the error.

    Raises
    ------
    NeuroFMError
        The model has no target of some name.
    """
    known = [head.name for head in spec.heads]
    unknown = sorted({*names} - {ALL_TARGETS, *known})
    if unknown:
        raise NeuroFMError(
            f"{spec.name} has no target {' or '.join(unknown)} to attribute",
            where="--attribution",
            fix=f"Use {', '.join([*known, *others])}, or {ALL_TARGETS}.",
            code=Exit.USAGE,
        )
    return tuple(TargetReadout(head) for head in spec.heads if ALL_TARGETS in names or head.name in names)
