"""The precision in which this processor trains a network fastest."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from functools import cache, partial
from typing import TypeAlias

import torch
from torch import Tensor

from neurofm_bids.pretrain.training.recipe import AUTO

__all__ = ["Compute", "fastest_precision", "precision_of", "training_seconds"]

Compute: TypeAlias = Callable[[torch.dtype], Tensor]  # a network in a precision, to the sum of its outputs

_GAIN = 0.8  # of the time of float32: less is not worth the rounding
_ROUNDS = 3


@cache
def precision_of(name: str, build: Callable[..., Compute], *arguments: Hashable) -> torch.dtype:
    """Return the precision of a name; ``auto`` is measured once, with the network that is trained.

    No list of processors tells which is faster, nor does one layer (see docs/benchmarks.md).

    Parameters
    ----------
    name
        Of a type of torch, or ``auto``.
    build
        Builds a network with random weights and returns what computes it; only called for ``auto``. The state
        of the random generator is restored.
    arguments
        Of ``build``.
    """
    if name != AUTO:
        precision: torch.dtype = getattr(torch, name)
        return precision
    with torch.random.fork_rng(devices=[]):
        compute = build(*arguments)
    return fastest_precision(partial(training_seconds, compute))


def training_seconds(compute: Compute, precision: torch.dtype) -> float:
    """Return the CPU seconds of a network with its gradients, the best of three."""
    seconds = []
    for _ in range(_ROUNDS + 1):  # the first one prepares the kernels
        start = time.process_time()
        compute(precision).backward()
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
