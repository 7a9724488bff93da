"""The network that segments the brain: a residual U-Net on the 2 mm lattice.

What was measured (``docs/benchmarks.md``, "Anatomy network") decides its form:

- Convolutions reach their full rate with channels last and widths that are multiples of 16.
- The finest level costs most, so it is narrow. Logits are a sum: those of the next coarser level,
  interpolated, and a correction. The wide levels name the structures, the narrow one draws their borders.
- Maps are normalised per sample, which learns faster than standardised filters without normalisation.
  Crops in training must therefore resemble whole boxes: large, with background.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, interpolate, leaky_relu, leaky_relu_, pad

from neurofm_bids.anatomy.regions import STRUCTURES

__all__ = ["CLASSES", "AnatomyArchitecture", "AnatomyNet"]

CLASSES = ("background", "csf", *(structure.name for structure in STRUCTURES))

_MOST_LEVELS, _WIDEST, _MOST_BLOCKS = 6, 512, 8  # a damaged file must not allocate all memory
_SLOPE = 0.1
_BRANCH_SCALE = 0.3  # of residual branches at first: blocks start close to the identity


@dataclass(frozen=True)
class AnatomyArchitecture:
    """Size of the network.

    Parameters
    ----------
    widths
        Channels of the maps at 2, 4, 8 and 16 mm, and so on.
    encoder_blocks, decoder_blocks
        Residual blocks of two 3x3x3 convolutions at each level; the coarsest level has no decoder.
    outputs
        Levels that give logits, from the finest; the finer ones are trained through all of them.
    """

    widths: tuple[int, ...] = (16, 48, 96, 96)
    encoder_blocks: tuple[int, ...] = (1, 1, 1, 1)
    decoder_blocks: tuple[int, ...] = (1, 1, 1)
    outputs: int = 3

    def __post_init__(self) -> None:
        levels = len(self.widths)
        blocks = (*self.encoder_blocks, *self.decoder_blocks)
        if not (
            2 <= levels <= _MOST_LEVELS
            and all(1 <= width <= _WIDEST for width in self.widths)
            and all(0 <= count <= _MOST_BLOCKS for count in blocks)
            and len(self.encoder_blocks) == levels
            and len(self.decoder_blocks) == levels - 1
            and 1 <= self.outputs < levels
        ):
            raise ValueError(f"no network has this architecture: {self}")

    @classmethod
    def from_dict(cls, values: object) -> AnatomyArchitecture:
        """Return the architecture of values read from JSON.

        Raises
        ------
        TypeError, ValueError
            They are not an architecture.
        """
        if not isinstance(values, dict):
            raise TypeError("not an object")
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**plain)

    @property
    def stride(self) -> int:
        """Voxels of the finest level in one of the coarsest, along each axis."""
        return int(2 ** (len(self.widths) - 1))


class _NormalisedConv(nn.Conv3d):
    """A convolution whose maps have a learned mean and scale in each sample."""

    def __init__(self, inputs: int, outputs: int, edge: int, stride: int = 1, scale: float = 1.0) -> None:
        padding = edge // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, edge, stride=stride, padding=padding, bias=False)
        self.scale = nn.Parameter(torch.full((outputs,), scale))
        self.shift = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        # batch_norm of one sample is instance_norm in a third of the time.
        samples = super().forward(x).split(1)
        maps = [batch_norm(y, None, None, self.scale, self.shift, training=True) for y in samples]
        return maps[0] if len(maps) == 1 else torch.cat(maps)


class _Block(nn.Module):
    """Residual block of two 3x3x3 convolutions, each after the activation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _NormalisedConv(width, width, 3)
        self.second = _NormalisedConv(width, width, 3, scale=_BRANCH_SCALE)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.first(leaky_relu(x, _SLOPE))
        y: Tensor = self.second(leaky_relu_(inner, _SLOPE))
        return y.add_(x)


class _Up(nn.Module):
    """A coarser map brought to the width and the lattice of the next finer level."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = _NormalisedConv(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return _double(self.conv(leaky_relu(x, _SLOPE)))


def _zero(parameter: Tensor | None) -> None:
    if parameter is not None:
        nn.init.zeros_(parameter)


def _double(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2, mode="trilinear", align_corners=False)


class AnatomyNet(nn.Module):
    """Logits of the classes and of the left side in each voxel of the 2 mm lattice.

    Parameters
    ----------
    architecture
        Widths and depths.

    Examples
    --------
    >>> net = AnatomyNet().eval()
    >>> [tuple(logits.shape) for logits in net(torch.zeros(1, 1, 9, 10, 12))]
    [(1, 26, 9, 10, 12)]
    """

    def __init__(self, architecture: AnatomyArchitecture | None = None) -> None:
        super().__init__()
        self.architecture = architecture or AnatomyArchitecture()
        widths = self.architecture.widths
        finer, coarser = widths[:-1], widths[1:]
        self.stem = nn.Conv3d(1, widths[0], 3, padding=1)  # the first maps keep the intensities
        self.encoder = nn.ModuleList(map(_stack, widths, self.architecture.encoder_blocks))
        self.down = nn.ModuleList(
            _NormalisedConv(n, m, 2, stride=2) for n, m in zip(finer, coarser, strict=True)
        )
        self.up = nn.ModuleList(_Up(m, n) for n, m in zip(finer, coarser, strict=True))
        self.decoder = nn.ModuleList(map(_stack, finer, self.architecture.decoder_blocks))
        heads = [nn.Conv3d(n, len(CLASSES) + 1, 1) for n in widths[: self.architecture.outputs]]
        for head in heads:
            _zero(head.weight)
            _zero(head.bias)
        self.heads = nn.ModuleList(heads)
        for parameter in self.parameters():
            if parameter.ndim == 5:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)

    def forward(self, x: Tensor, background: float = 0.0) -> list[Tensor]:
        """Return logits, the finest first; in eval mode, the finest only.

        Parameters
        ----------
        x
            Boxes of the lattice, (N, 1, d, h, w), of any size, in the intensity scale of training.
        background
            Value outside the brain. It is subtracted, so zero padding is background.

        Returns
        -------
        list of Tensor
            float32, (N, 26, d, h, w): :data:`CLASSES`, then "left". The next ones have half of the voxels
            along each axis, rounded up; each covers 2, 4, ... voxels, as average pooling does.
        """
        size, stride = x.shape[2:], self.architecture.stride
        least = (stride, stride, 2 * stride)  # the norm of the coarsest map needs two voxels
        ends = [max(-(-n // stride) * stride, low) for n, low in zip(size, least, strict=True)]
        sides = [side for n, end in zip(reversed(size), reversed(ends), strict=True) for side in (0, end - n)]
        x = pad(x - background, sides).contiguous(memory_format=torch.channels_last_3d)
        outputs = self._decode(self._encode(x))
        return [_crop(logits, [-(-n // 2**level) for n in size]) for level, logits in enumerate(outputs)]

    def _encode(self, x: Tensor) -> list[Tensor]:
        """Return the map of each level, the finest first."""
        maps = [self.encoder[0](self.stem(x))]
        for down, blocks in zip(self.down, self.encoder[1:], strict=True):
            maps.append(blocks(down(leaky_relu(maps[-1], _SLOPE))))
        return maps

    def _decode(self, maps: list[Tensor]) -> list[Tensor]:
        """Return logits, the finest first; each map is released when it has been read."""
        x, logits = maps.pop(), None
        outputs: list[Tensor] = []
        for level in reversed(range(len(self.architecture.widths))):
            if level < len(self.decoder):
                x = self.decoder[level](self.up[level](x) + maps.pop())
            if level < len(self.heads):
                correction = self.heads[level](leaky_relu(x, _SLOPE)).float()
                logits = correction if logits is None else _double(logits).add_(correction)
                outputs.insert(0, logits)
        return outputs if self.training else outputs[:1]


def _stack(width: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(*(_Block(width) for _ in range(blocks)))


def _crop(logits: Tensor, size: list[int]) -> Tensor:
    d, h, w = size
    return logits[:, :, :d, :h, :w]
