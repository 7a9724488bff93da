"""The published NeuroFM network in PyTorch, in its three variants: plain, trainable, and the oracle.

Blocks, widths and the order of normalisation are those of the public Keras reference (docs/model.md).
:mod:`neurofm_bids.model.fast` computes the same outputs for inference with far less work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

from torch import Tensor, nn
from torch.nn.functional import elu

from neurofm_bids.config import Processing
from neurofm_bids.model.architecture import WIDTH, Architecture
from neurofm_bids.model.registry import Head, model_spec

__all__ = ["Block", "NeuroFMNet", "Outputs"]

_BN_EPS = 1e-3  # Keras default


class Outputs(NamedTuple):
    """One forward pass.

    Parameters
    ----------
    latent
        Features, shape (N, n).
    heads
        Standardised outputs by name, shape (N,); logits of a softmax, shape (N, classes).
    """

    latent: Tensor
    heads: dict[str, Tensor]


class Block(nn.Module):
    """Bottleneck: a 1x1x1 residual beside 1x1x1, 3x3x3 (a quarter of the channels) and 1x1x1."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        quarter = channels // 4
        self.stride = stride
        self.conv1 = nn.Conv3d(channels_in, channels, 1)
        self.bn1 = nn.BatchNorm3d(channels, eps=_BN_EPS)
        self.conv2 = nn.Conv3d(channels, quarter, 3, padding=1)
        self.bn2 = nn.BatchNorm3d(quarter, eps=_BN_EPS)
        self.conv3 = nn.Conv3d(quarter, channels, 1)
        self.bn3 = nn.BatchNorm3d(channels, eps=_BN_EPS)
        self.residual_conv = nn.Conv3d(channels_in, channels, 1)
        self.residual_bn = nn.BatchNorm3d(channels, eps=_BN_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, D, H, W) to (N, F, D', H', W'), smaller by the stride."""
        return self.forward_sampled(x[:, :, :: self.stride, :: self.stride, :: self.stride])

    def forward_sampled(self, x: Tensor) -> Tensor:
        """Do the same on what a stride leaves: both branches begin with 1x1x1, which reads nothing else."""
        main = elu(self.bn1(self.conv1(x)))
        main = elu(self.bn2(self.conv2(main)))
        return elu(self.residual_bn(self.residual_conv(x)) + self.bn3(self.conv3(main)))


class Dense(nn.Module):
    """Dense, ELU, then batch normalisation (in this order) and dropout."""

    def __init__(self, units_in: int, units: int, *, normalise: bool, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(units_in, units)
        self.bn = nn.BatchNorm1d(units, eps=_BN_EPS) if normalise else None
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, units_in) to (N, units)."""
        x = elu(self.linear(x))
        result: Tensor = self.dropout(x if self.bn is None else self.bn(x))
        return result


class NeuroFMNet(nn.Module):
    """The network: stages of blocks, pooling, neck, heads.

    Parameters
    ----------
    architecture
        One of :data:`~neurofm_bids.model.architecture.ARCHITECTURES`.
    heads
        The outputs in their order; by default those of the published models.
    dropout
        Rate of dropout in training: after dense layers, or, where there are none (s), of what the heads read.
    """

    def __init__(
        self, architecture: Architecture, heads: Sequence[Head] | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.outputs = tuple(model_spec(Processing.model).heads if heads is None else heads)
        self.blocks = _blocks(architecture)
        size = WIDTH * len(architecture.blocks)
        self.pooled = None
        if architecture.pooled_dense is not None:
            self.pooled = Dense(size, architecture.pooled_dense, normalise=False, dropout=dropout)
            size = architecture.pooled_dense
        neck = []
        for units in architecture.neck:
            neck.append(Dense(size, units, normalise=True, dropout=dropout))
            size = units
        self.neck = nn.Sequential(*neck)
        self.dropout = nn.Dropout(dropout)
        hidden = architecture.head_hidden
        self.hidden = nn.ModuleDict()
        if hidden is not None:
            for head in self.outputs:
                self.hidden[head.name] = Dense(size, hidden, normalise=True, dropout=dropout)
        self.heads = nn.ModuleDict(
            {head.name: nn.Linear(hidden or size, head.outputs) for head in self.outputs}
        )

    def copy(self, dropout: float = 0.0) -> NeuroFMNet:
        """Return an independent network with the same weights, in eval mode on the CPU."""
        network = NeuroFMNet(self.architecture, self.outputs, dropout)
        network.load_state_dict(self.state_dict())
        return network.eval()

    def forward(self, volume: Tensor) -> Outputs:
        """Map z-scored volumes (N, 1, 256, 256, 256; LIA, float32) to :class:`Outputs`."""
        return self.forward_lattice(volume[:, :, ::2, ::2, ::2])

    def forward_lattice(self, lattice: Tensor) -> Outputs:
        """Map lattices (N, 1, 128, 128, 128), ``volume[::2, ::2, ::2]``, to :class:`Outputs`."""
        first, *others = cast("list[Block]", list(self.blocks))
        features = first.forward_sampled(lattice)
        for block in others:
            features = block(features)
        return self.forward_features(features)

    def forward_features(self, features: Tensor) -> Outputs:
        """Map the last block's output (N, F, D, H, W) to :class:`Outputs`: pooling, neck and heads."""
        pooled = features.mean(dim=(2, 3, 4)) if self.pooled is None else self.pooled(features.flatten(1))
        latent = self.neck(pooled)
        read = latent if len(self.neck) else self.dropout(latent)
        return Outputs(latent, {head.name: self._head(head, read) for head in self.outputs})

    def _head(self, head: Head, latent: Tensor) -> Tensor:
        hidden = self.hidden[head.name](latent) if head.name in self.hidden else latent
        result: Tensor = self.heads[head.name](hidden)
        return result if head.outputs > 1 else result[:, 0]


def _blocks(architecture: Architecture) -> nn.ModuleList:
    blocks, channels_in = nn.ModuleList(), 1
    for stage, count in enumerate(architecture.blocks, start=1):
        for index in range(count):
            blocks.append(Block(channels_in, WIDTH * stage, 2 if index == count - 1 else 1))
            channels_in = WIDTH * stage
    return blocks
