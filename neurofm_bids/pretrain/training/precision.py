"""The precision in which this processor trains fastest."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import torch
from torch import nn

from neurofm_bids.pretrain.training.recipe import AUTO

__all__ = ["convolution_seconds", "fastest_precision", "precision_of"]

_GAIN = 0.8  # of the time of float32: less is not worth the rounding
_ROUNDS, _WIDTH, _EDGE = 3, 48, 24


@cache
def precision_of(name: str) -> torch.dtype:
    """Return the precision of a name; ``auto`` is measured once."""
    return fastest_precision() if name == AUTO else getattr(torch, name)


def convolution_seconds(precision: torch.dtype) -> float:
    """Return the CPU seconds of a 3x3x3 convolution with its gradients, the best of three."""
    layer = nn.Conv3d(_WIDTH, _WIDTH, 3, padding=1).to(precision)
    x = torch.zeros(1, _WIDTH, _EDGE, _EDGE, _EDGE, dtype=precision, requires_grad=True)
    maps = x.contiguous(memory_format=torch.channels_last_3d)
    seconds = []
    for _ in range(_ROUNDS + 1):  # the first one prepares the kernels
        start = time.process_time()
        layer(maps).sum().backward(retain_graph=True)
        seconds.append(time.process_time() - start)
    return min(seconds[1:])


def fastest_precision(seconds: Callable[[torch.dtype], float] = convolution_seconds) -> torch.dtype:
    """Return bfloat16 if it is clearly faster than float32 on this processor, else float32.

    Without instructions for bfloat16, a convolution takes about ten times as long as in float32; with them,
    half as long. No list of processors tells, so it is measured.

    Parameters
    ----------
    seconds
        Returns the time of a typical computation in a precision.
    """
    exact, rough = seconds(torch.float32), seconds(torch.bfloat16)
    return torch.bfloat16 if rough < _GAIN * exact else torch.float32
