"""The precision in which this processor trains a network fastest."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from neurofm_bids.pretrain.training.recipe import AUTO

__all__ = ["fastest_precision", "precision_of", "training_seconds"]

_GAIN = 0.8  # of the time of float32: less is not worth the rounding
_ROUNDS = 3


def precision_of(name: str, outputs: Callable[[torch.dtype], Tensor]) -> torch.dtype:
    """Return the precision of a name; ``auto`` is measured.

    No list of processors tells, nor one layer: with bfloat16, the network that segments trained on one
    processor in half of the time of float32, on another in 1.1 of it, but NeuroFM's s there in 0.55.

    Parameters
    ----------
    name
        Of a type of torch, or ``auto``.
    outputs
        Computes the network in a precision and returns the sum of its outputs.
    """
    if name != AUTO:
        precision: torch.dtype = getattr(torch, name)
        return precision
    return fastest_precision(lambda p: training_seconds(lambda: outputs(p)))


def training_seconds(outputs: Callable[[], Tensor]) -> float:
    """Return the CPU seconds of outputs with their gradients, the best of three."""
    seconds = []
    for _ in range(_ROUNDS + 1):  # the first one prepares the kernels
        start = time.process_time()
        outputs().backward()
        seconds.append(time.process_time() - start)
    return min(seconds[1:])


def fastest_precision(seconds: Callable[[torch.dtype], float]) -> torch.dtype:
    """Return bfloat16 if it is clearly faster than float32, else float32.

    Parameters
    ----------
    seconds
        Returns the time of a typical computation in a precision.
    """
    exact, rough = seconds(torch.float32), seconds(torch.bfloat16)
    return torch.bfloat16 if rough < _GAIN * exact else torch.float32
