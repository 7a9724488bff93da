"""The network for inference: the outputs of :mod:`neurofm_bids.model.network` with far less work.

Nothing is approximated; sums are taken in another order only.

- Batch normalisation is folded into the convolutions before it, and the biases that meet are added.
- A block whose successor has stride 2 computes its even outputs only: a 3x3x3 convolution with stride 2 and
  padding 1 is centred on exactly those.
- Background is one constant, so far from the brain each map is that of an empty cube. Only the box that the
  brain can reach is computed; the empty cube is carried along beside it. Away from the faces of the cube,
  where zero padding is felt, its map is constant, so a few voxels on each side of the middle hold all of it.
- Maps lie channels last, so that a 1x1x1 convolution is a matrix product on the map as it is.
- The first layer maps one number of each voxel. In bfloat16 there are only 65,536 numbers, so their values
  are computed once and looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import conv3d, elu_, embedding, linear, pad

from neurofm_bids.model.augmentation import LATTICE_SIZE
from neurofm_bids.model.network import Block, NeuroFMNet, Outputs

__all__ = ["SLAB_VALUES", "FastNetwork", "Map"]

_DENSE_SIZE = 8  # maps of this size or less are computed whole
_DENSE_SHARE = 0.6  # as are those of which the box is this share
_NUMBERS = 2**16  # of bfloat16
SLAB_VALUES = 4_000_000  # of the widest map at a time: more falls out of the processor's cache


@dataclass(frozen=True)
class Map:
    """A cubic map of which only a box is stored, with what it is elsewhere.

    Parameters
    ----------
    values
        The box, (N, d, h, w, C).
    start
        Its first voxel.
    size
        Edge of the whole map.
    empty
        The map of an empty cube with its inside shortened, (N, e, e, e, C).
    felt
        Voxels from a face at which the empty map still differs from its inside.
    """

    values: Tensor
    start: tuple[int, ...]
    size: int
    empty: Tensor
    felt: int

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """First and end voxel of the box along each axis."""
        return [(s, s + n) for s, n in zip(self.start, self.values.shape[1:4], strict=True)]

    def read(self, ranges: Sequence[tuple[int, int]]) -> Tensor:
        """Return a larger box, (N, d, h, w, C)."""
        if list(ranges) == self.ranges:
            return self.values
        box = _sample(self.empty, [torch.arange(*span) for span in ranges], self.size)
        inside = [slice(a - low, b - low) for (a, b), (low, _) in zip(self.ranges, ranges, strict=True)]
        box[(slice(None), *inside)] = self.values
        return box


def _sample(empty: Tensor, voxels: Sequence[Tensor], size: int) -> Tensor:
    """Read an empty cube of edge ``size`` at a grid of voxels from its shortened map."""
    edge = empty.shape[1]
    for axis, index in enumerate(voxels, start=1):
        low, high = index.clamp(max=edge // 2 - 1), (index - (size - edge)).clamp(min=edge // 2)
        places = torch.where(index < size // 2, low, high).clamp(0, edge - 1)
        empty = empty.index_select(axis, places.to(empty.device))
    return empty


def _fold(conv: nn.Conv3d, bn: nn.BatchNorm3d) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a convolution with its normalisation, float64."""
    parts = (conv.weight, conv.bias, bn.weight, bn.bias, bn.running_mean, bn.running_var)
    weight, bias, gamma, beta, mean, var = (p.double() for p in parts if p is not None)
    scale = gamma / torch.sqrt(var + bn.eps)
    return weight * scale[:, None, None, None, None], (bias - mean) * scale + beta


class _FastBlock(nn.Module):
    """One block; ``step`` 2 computes the even outputs only, and ``whole`` all of the map."""

    main_weight: Tensor
    main_bias: Tensor
    conv_weight: Tensor
    conv_bias: Tensor
    out_weight: Tensor
    residual_weight: Tensor
    bias: Tensor

    def __init__(self, block: Block, step: int, *, whole: bool) -> None:
        super().__init__()
        self.step, self.whole = step, whole
        main, main_bias = _fold(block.conv1, block.bn1)
        conv, conv_bias = _fold(block.conv2, block.bn2)
        out, out_bias = _fold(block.conv3, block.bn3)
        residual, residual_bias = _fold(block.residual_conv, block.residual_bn)
        folded = {
            "main_weight": main.flatten(1),
            "main_bias": main_bias,
            "conv_weight": conv,
            "conv_bias": conv_bias,
            "out_weight": out.flatten(1).T,
            "residual_weight": residual.flatten(1),
            "bias": out_bias + residual_bias,
        }
        for name, value in folded.items():
            self.register_buffer(name, value.float().contiguous())
        self.conv_weight = self.conv_weight.contiguous(memory_format=torch.channels_last_3d)

    def forward(self, x: Map) -> Map:
        """Map the box that the brain reaches, and the empty cube, through the block."""
        size = x.size // self.step
        ranges = [self._reached(span, size) for span in x.ranges]
        share = prod(b - a for a, b in ranges) / size**3
        if self.whole or size <= _DENSE_SIZE or share >= _DENSE_SHARE:
            ranges = [(0, size)] * 3
        needed = [self._read_by(span) for span in ranges]
        outside = [(int(a < 0), int(b > x.size)) for a, b in needed]
        values = self._compute(x.read([(max(a, 0), min(b, x.size)) for a, b in needed]), outside)
        start = tuple(a for a, _ in ranges)
        if x.values.shape[1:4] == (x.size,) * 3:  # the box is the map
            return Map(values, start, size, x.empty, x.felt)
        felt = x.felt // 2 + 1 if self.step == 2 else x.felt + 1
        edge = min(x.size, self.step * 2 * (felt + 1))
        empty = _sample(x.empty, [_shortened(edge, x.size)] * 3, x.size)
        return Map(values, start, size, self._compute(empty, [(1, 2 - self.step)] * 3), felt)

    def _reached(self, span: tuple[int, int], size: int) -> tuple[int, int]:
        """Return the outputs that read any voxel of a range."""
        first, end = (span[0] // 2, span[1] // 2 + 1) if self.step == 2 else (span[0] - 1, span[1] + 1)
        return max(first, 0), min(end, size)

    def _read_by(self, span: tuple[int, int]) -> tuple[int, int]:
        """Return the voxels that a range of outputs reads, up to one outside of the map on each side."""
        return (2 * span[0] - 1, 2 * span[1]) if self.step == 2 else (span[0] - 1, span[1] + 1)

    def _compute(self, x: Tensor, outside: Sequence[tuple[int, int]]) -> Tensor:
        """Map (N, d, h, w, C); ``outside`` tells the faces at which the map ends and zeros follow."""
        padding = [0, 0, *outside[2], *outside[1], *outside[0]]
        last = None if self.step == 2 else -1
        centres = [slice(1 - low, None if high else last, self.step) for low, high in outside]
        residual = linear(x[(slice(None), *centres)], self.residual_weight, self.bias)
        middle = self._convolve(x, padding, residual.shape[1])
        flat = torch.addmm(residual.flatten(0, 3), middle.reshape(-1, middle.shape[-1]), self.out_weight)
        return elu_(flat).view_as(residual)

    def _convolve(self, x: Tensor, padding: Sequence[int], planes: int) -> Tensor:
        """Return the 3x3x3 branch before its last 1x1x1, slab by slab, (N, d', h', w', F / 4)."""
        plane = self.main_bias.numel() * x.shape[0] * x.shape[2] * x.shape[3]
        count = max(1, SLAB_VALUES // (plane * self.step)) if x.device.type == "cpu" else planes
        parts = []
        for first in range(0, planes, count):
            end = min(first + count, planes)
            low = first * self.step - padding[-2]
            high = (end - 1) * self.step - padding[-2] + 3
            main = self._main(x[:, max(low, 0) : high])
            sides = [*padding[:-2], int(low < 0), max(0, high - x.shape[1])]
            main = pad(main, sides) if any(sides) else main
            convolved = conv3d(main.movedim(-1, 1), self.conv_weight, self.conv_bias, stride=self.step)
            parts.append(elu_(convolved.movedim(1, -1)))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def _main(self, x: Tensor) -> Tensor:
        """Return the first 1x1x1 of the 3x3x3 branch, (N, d, h, w, F)."""
        if x.dtype == torch.bfloat16 and x.shape[-1] == 1 and x.device.type == "cpu":
            values: Tensor = _Lookup.apply(x, self.main_weight, self.main_bias, self._table)
            return values
        return elu_(linear(x, self.main_weight, self.main_bias))

    @cached_property
    def _table(self) -> Tensor:
        """Values of the first 1x1x1 at all numbers of bfloat16, in the order of their bits, (65536, F)."""
        numbers = torch.arange(_NUMBERS).to(torch.int16).view(torch.bfloat16)
        with torch.no_grad():
            return elu_(linear(numbers[:, None], self.main_weight, self.main_bias))


class _Lookup(torch.autograd.Function):
    """``elu(linear(x, weight, bias))`` for x (..., 1) and weight (F, 1), read from a table (65536, F)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, table: Tensor) -> Tensor:
        values = embedding(x[..., 0].view(torch.int16).int() & (_NUMBERS - 1), table)
        ctx.save_for_backward(x, weight, values)
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        x, weight, values = ctx.saved_tensors
        of_x, of_weight, of_bias, _ = ctx.needs_input_grad
        inner = torch.ops.aten.elu_backward(gradients[0], 1, 1, 1, True, values)
        rows = inner.flatten(0, -2)
        return (
            inner @ weight if of_x else None,
            rows.T @ x.reshape(-1, 1) if of_weight else None,
            rows.sum(dim=0) if of_bias else None,
            None,
        )


def _shortened(edge: int, size: int) -> Tensor:
    """Return the voxels of a cube of edge ``size`` that one of edge ``edge`` keeps."""
    index = torch.arange(edge)
    return torch.where(index < edge // 2, index, index + size - edge)


class FastNetwork(nn.Module):
    """The network of given weights for inference.

    Later changes of ``network`` are not followed: build it again after fine-tuning, or, with
    ``differentiable``, for each step of training.

    Parameters
    ----------
    network
        The plain network; evaluated with its running statistics, whatever its mode.
    precision
        Type of the blocks' weights and maps; pooling, neck and heads are float32 always.
    differentiable
        Gradients reach the parameters of ``network``, normalised by its running statistics.

    Examples
    --------
    >>> from neurofm_bids.model.architecture import ARCHITECTURES
    >>> fast = FastNetwork(NeuroFMNet(ARCHITECTURES["s"]))
    >>> fast(torch.zeros(1, 4, 4, 4), (60, 60, 60), torch.zeros(1)).latent.shape
    torch.Size([1, 160])
    """

    def __init__(
        self,
        network: NeuroFMNet,
        precision: torch.dtype = torch.float32,
        *,
        differentiable: bool = False,
    ) -> None:
        super().__init__()
        plain = cast("list[Block]", list(network.blocks))
        strides = [block.stride for block in plain[1:]] + [1]
        last = plain[-1]  # the tail reads all of its map
        with torch.set_grad_enabled(differentiable):
            self.blocks = nn.ModuleList(
                _FastBlock(block, step, whole=block is last).to(precision)
                for block, step in zip(plain, strides, strict=True)
            )
        self.tail = network if differentiable else _tail(network)
        self.precision = precision
        self.differentiable = differentiable

    def forward(self, box: Tensor, start: Sequence[int], background: Tensor) -> Outputs:
        """Return the outputs of lattices of which only a box differs from the background.

        Parameters
        ----------
        box
            Part of z-scored lattices, float32, shape (N, d, h, w); see :meth:`NeuroFMNet.forward_lattice`.
        start
            First voxel of the box in the lattice of 128^3 voxels.
        background
            Value of each lattice outside of the box, shape (N,).
        """
        with torch.inference_mode(not self.differentiable):
            return self.traced(box, start, background)

    def traced(self, box: Tensor, start: Sequence[int], background: Tensor) -> Outputs:
        """Return what :meth:`forward` does, with gradients with respect to the box in any network."""
        *_, features = self.maps(box, start, background)
        outputs: Outputs = self.tail.forward_features(features.values.float().movedim(-1, 1))
        return outputs

    def maps(self, box: Tensor, start: Sequence[int], background: Tensor) -> Iterator[Map]:
        """Yield the map after each block; parameters as for :meth:`forward`."""
        empty = background.to(self.precision)[:, None, None, None, None].expand(-1, 2, 2, 2, 1)
        features = Map(box.to(self.precision)[..., None], tuple(start), LATTICE_SIZE, empty, 0)
        for block in self.blocks:
            features = block(features)
            yield features


def _tail(network: NeuroFMNet) -> NeuroFMNet:
    """Return a copy of the network without its blocks."""
    tail = network.copy()
    tail.blocks = nn.ModuleList()
    return tail
