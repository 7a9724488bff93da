"""Processes: one training in several processes, started by ``torchrun``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.device import choose_device

__all__ = ["Team", "join_team"]


@dataclass(frozen=True)
class Team:
    """A process among those that train together.

    Parameters
    ----------
    device
        On which it computes.
    rank, size
        Its number, from 0, and how many there are.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes."""
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
        """Wait until every process is here."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def join_team(device: str) -> Iterator[Team]:
    """Join the processes that ``torchrun`` started, or be alone.

    Parameters
    ----------
    device
        ``cpu``, ``cuda`` or ``cuda:N``; of several processes each takes the GPU of its rank on its machine.

    Raises
    ------
    NeuroFMError
        The device is not there, or one is named for several processes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Team(choose_device(device))
        return
    if device.startswith("cuda:"):
        raise NeuroFMError(
            "several processes cannot share one GPU", where=device, fix="Use cuda.", code=Exit.USAGE
        )
    here = choose_device(f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" else device)
    if here.type == "cuda":
        torch.cuda.set_device(here)
    distributed.init_process_group("nccl" if here.type == "cuda" else "gloo")
    try:
        yield Team(here, distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()
