"""Training in several processes that ``torchrun`` starts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.device import choose_device

__all__ = ["ProcessGroup", "join_process_group"]


@dataclass(frozen=True)
class ProcessGroup:
    """The place of one process among those that train together.

    Parameters
    ----------
    device
        The device of this process.
    rank, size
        Its number, from 0, and the number of processes.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over the processes."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        distributed.all_reduce(flat)
        flat /= self.size
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def mean(self, value: float) -> float:
        """Return the mean of a number over the processes, the same in each."""
        if self.size == 1:
            return value
        total = torch.tensor([value], dtype=torch.float32, device=self.device)
        distributed.all_reduce(total)
        return float(total) / self.size

    def wait(self) -> None:
        """Wait for all processes."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def join_process_group(device: str) -> Iterator[ProcessGroup]:
    """Join the processes that ``torchrun`` started, or form a group of one.

    Parameters
    ----------
    device
        ``cpu``, ``cuda`` or ``cuda:N``; with ``cuda``, each of several processes uses the GPU of its local
        rank.

    Raises
    ------
    NeuroFMError
        The device is not available, or several processes name the same GPU.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ProcessGroup(choose_device(device))
        return
    if device.startswith("cuda:"):
        raise NeuroFMError(
            "several processes cannot share one GPU", where=device, fix="Use --device cuda.", code=Exit.USAGE
        )
    own = choose_device(f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" else device)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    distributed.init_process_group("nccl" if own.type == "cuda" else "gloo")
    try:
        yield ProcessGroup(own, distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()
