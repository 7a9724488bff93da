"""The published NeuroFM network in PyTorch, in its three variants.

Blocks, widths and the order of normalisation are those of the public Keras reference (docs/model.md).
Both branches of the first block are 1x1x1 convolutions with stride 2, so the network reads every second
voxel of each axis only; :meth:`NeuroFMNet.forward_lattice` takes that lattice directly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.functional import conv3d, elu

__all__ = ["ARCHITECTURES", "HEADS", "Architecture", "NeuroFMNet", "Outputs"]

HEADS = ("age", "sex", "ventricular_volume", "brain_volume")
_WIDTH = 32
_BN_EPS = 1e-3  # Keras default


@dataclass(frozen=True)
class Architecture:
    """The sizes that tell the variants apart.

    Parameters
    ----------
    blocks
        Number of blocks of each stage; the last block of a stage has stride 2.
    pooled_dense
        Units of the dense layer on the flattened map, or None for global average pooling.
    neck
        Units of the dense layers between map and latent vector.
    head_hidden
        Units of the hidden layer of each head, or None.
    """

    name: str
    blocks: tuple[int, ...]
    pooled_dense: int | None
    neck: tuple[int, ...]
    head_hidden: int | None

    @property
    def latent_size(self) -> int:
        """Length of the latent vector."""
        return self.neck[-1] if self.neck else _WIDTH * len(self.blocks)


ARCHITECTURES = {
    "s": Architecture("s", (1, 1, 1, 1, 1), None, (), None),
    "m": Architecture("m", (1, 1, 5, 5, 5, 5, 5), None, (256, 256), 128),
    "l": Architecture("l", (1, 1, 5, 5, 5, 5, 5, 5), 1024, (512, 512), 256),
}


class Outputs(NamedTuple):
    """One forward pass, standardised: latent (N, n), age (N,), sex logits (N, 2), two volumes (N,)."""

    latent: Tensor
    age: Tensor
    sex_logits: Tensor
    ventricular_volume: Tensor
    brain_volume: Tensor


class Block(nn.Module):
    """Bottleneck: a 1x1x1 residual beside 1x1x1, 3x3x3 (a quarter of the channels) and 1x1x1."""

    def __init__(
        self, channels_in: int, channels: int, stride: int, *, sampled: bool, even_only: bool
    ) -> None:
        super().__init__()
        quarter = channels // 4
        self.stride, self.sampled = stride, sampled
        # A following block with stride 2 reads the even outputs only; a 3x3x3 convolution with stride 2 and
        # padding 1 is centred on exactly those.
        self.step = 2 if even_only else 1
        self.conv1 = nn.Conv3d(channels_in, channels, 1)
        self.bn1 = nn.BatchNorm3d(channels, eps=_BN_EPS)
        self.conv2 = nn.Conv3d(channels, quarter, 3, padding=1)
        self.bn2 = nn.BatchNorm3d(quarter, eps=_BN_EPS)
        self.conv3 = nn.Conv3d(quarter, channels, 1)
        self.bn3 = nn.BatchNorm3d(channels, eps=_BN_EPS)
        self.residual_conv = nn.Conv3d(channels_in, channels, 1)
        self.residual_bn = nn.BatchNorm3d(channels, eps=_BN_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, D, H, W) to (N, F, D', H', W')."""
        if self.stride == 2 and self.training and not self.sampled:
            x = x[:, :, ::2, ::2, ::2]
        step = 1 if self.training else self.step
        residual = self.residual_bn(self.residual_conv(x))
        main = elu(self.bn1(self.conv1(x)))
        main = conv3d(main, self.conv2.weight, self.conv2.bias, stride=step, padding=1)
        main = self.bn3(self.conv3(elu(self.bn2(main))))
        return elu(residual[:, :, ::step, ::step, ::step] + main)


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
    """The network: stages of blocks, pooling, neck, four heads.

    Parameters
    ----------
    architecture
        One of :data:`ARCHITECTURES`.
    dropout
        Rate of dropout after dense layers in training.
    """

    def __init__(self, architecture: Architecture, dropout: float = 0.0) -> None:
        super().__init__()
        self.architecture = architecture
        self.blocks = _blocks(architecture)
        size = _WIDTH * len(architecture.blocks)
        self.pooled = None
        if architecture.pooled_dense is not None:
            self.pooled = Dense(size, architecture.pooled_dense, normalise=False, dropout=dropout)
            size = architecture.pooled_dense
        neck = []
        for units in architecture.neck:
            neck.append(Dense(size, units, normalise=True, dropout=dropout))
            size = units
        self.neck = nn.Sequential(*neck)
        hidden = architecture.head_hidden
        if hidden is None:
            self.hidden = nn.ModuleDict()
        else:
            self.hidden = nn.ModuleDict(
                {name: Dense(size, hidden, normalise=True, dropout=dropout) for name in HEADS}
            )
        self.heads = nn.ModuleDict(
            {name: nn.Linear(hidden or size, 2 if name == "sex" else 1) for name in HEADS}
        )

    def forward(self, volume: Tensor) -> Outputs:
        """Map z-scored volumes (N, 1, 256, 256, 256; LIA, float32) to :class:`Outputs`."""
        return self.forward_lattice(volume[:, :, ::2, ::2, ::2])

    def forward_lattice(self, lattice: Tensor) -> Outputs:
        """Map lattices (N, 1, 128, 128, 128), ``volume[::2, ::2, ::2]``, to :class:`Outputs`."""
        for block in self.blocks:
            lattice = block(lattice)
        pooled = lattice.flatten(1) if self.pooled is not None else lattice.mean(dim=(2, 3, 4))
        latent = self.neck(pooled if self.pooled is None else self.pooled(pooled))
        heads = {name: self._head(name, latent) for name in HEADS}
        return Outputs(
            latent,
            heads["age"][:, 0],
            heads["sex"],
            heads["ventricular_volume"][:, 0],
            heads["brain_volume"][:, 0],
        )

    def _head(self, name: str, latent: Tensor) -> Tensor:
        hidden = self.hidden[name](latent) if name in self.hidden else latent
        result: Tensor = self.heads[name](hidden)
        return result


def _blocks(architecture: Architecture) -> nn.ModuleList:
    strides = [1 + (block == count - 1) for count in architecture.blocks for block in range(count)]
    widths = [_WIDTH * (stage + 1) for stage, count in enumerate(architecture.blocks) for _ in range(count)]
    blocks = []
    for index, (width, stride) in enumerate(zip(widths, strides, strict=True)):
        channels_in = widths[index - 1] if index else 1
        reads_even = index + 1 < len(strides) and strides[index + 1] == 2
        # what comes in is sampled already: the lattice, or the even outputs of the block before
        blocks.append(Block(channels_in, width, stride, sampled=index == 0, even_only=reads_even))
    return nn.ModuleList(blocks)
