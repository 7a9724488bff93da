"""Training: the state of a network that learns, and its steps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.augmentation import LATTICE_SIZE
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.pretrain.checkpoint import read_checkpoint, write_checkpoint
from neurofm_bids.pretrain.losses import Teacher
from neurofm_bids.pretrain.processes import Team
from neurofm_bids.pretrain.recipe import Recipe
from neurofm_bids.pretrain.samples import Item

__all__ = ["Training", "whole_lattice"]

_CLIP = 3.0


class Training:
    """The state of a training and its steps."""

    def __init__(self, recipe: Recipe, team: Team) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.team, self.device = recipe, team, team.device
        device = team.device
        precision = getattr(torch, recipe.precision)
        self.teacher = Teacher(ARCHITECTURES[recipe.variant], precision).to(device)
        self.average = NeuroFMNet(ARCHITECTURES[recipe.variant]).to(device).eval()
        self.optimizer = torch.optim.AdamW(self.teacher.parameters(), lr=recipe.rate, weight_decay=1e-4)
        self.step_number = 0

    def calibrate(self, items: Sequence[Item]) -> None:
        """Take the statistics of normalisation from samples, then keep them for good.

        They are no more than a change of variables once they are fixed; a batch of four would remove the
        very means that carry the answer.
        """
        norms = [m for m in self.teacher.network.modules() if isinstance(m, nn.BatchNorm3d | nn.BatchNorm1d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean over what it sees
        self.teacher.network.train()
        with torch.no_grad():
            for first in range(0, len(items), 2):
                lattices = torch.stack([whole_lattice(item) for item in items[first : first + 2]])
                self.teacher.network.forward_lattice(lattices[:, None].to(self.device))
        self.begin_with(self.teacher.network)

    def begin_with(self, network: NeuroFMNet) -> None:
        """Take a network's weights and statistics, in place of random ones."""
        for mine in (self.teacher.network, self.average):
            mine.load_state_dict(network.state_dict())
            mine.eval()

    def step(self, items: Sequence[Item]) -> float:
        """Learn from this process's part of one batch and return its mean loss."""
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate_at(self.step_number)
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.device)
        for item in items:
            loss = self.teacher(item, recipe.pooled_at(self.step_number)) / len(items)
            loss.backward()
            total += loss.detach()
        self.team.average_gradients(self.teacher.parameters())
        nn.utils.clip_grad_norm_(self.teacher.parameters(), _CLIP)
        self.optimizer.step()
        self.step_number += 1
        self._follow()
        return float(total)

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average of weights; early on faster, so that it forgets where it began."""
        part = max(self.recipe.average, 1 / (1 + self.step_number))
        for mean, new in zip(self.average.parameters(), self.teacher.network.parameters(), strict=True):
            mean.lerp_(new, part)

    def write(self, path: Path, about: dict[str, Any]) -> None:
        """Write everything that the next step needs."""
        moments: dict[str, Tensor] = {}
        for number, state in self.optimizer.state_dict()["state"].items():
            moments.update({f"{number}|{key}": torch.as_tensor(value) for key, value in state.items()})
        parts = {
            "teacher": self.teacher.state_dict(),
            "average": self.average.state_dict(),
            "moments": moments,
        }
        write_checkpoint(path, parts, {**about, "step": self.step_number})

    def read(self, path: Path, about: dict[str, Any]) -> None:
        """Take up the state that a file holds, if it is of the same recipe and maps.

        The number of steps may be another one until the rate begins to fall: before, it makes no difference.
        """
        parts, written = read_checkpoint(path)
        for key, value in json.loads(json.dumps(about)).items():
            if _settled(written.get(key)) != _settled(value):
                raise NeuroFMError(
                    f"the folder holds a training with another {key}",
                    where=path,
                    fix="Give the same options, or a new folder.",
                    code=Exit.USAGE,
                )
        before, falls = written["recipe"]["steps"], 1 - self.recipe.decay
        if before != self.recipe.steps and written["step"] > falls * min(before, self.recipe.steps):
            raise NeuroFMError(
                "the rate falls already: the number of steps cannot change any more",
                where=path,
                fix=f"Give --steps {before}.",
                code=Exit.USAGE,
            )
        self.teacher.load_state_dict(parts["teacher"])
        self.average.load_state_dict(parts["average"])
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in parts.get("moments", {}).items():
            number, name = key.split("|")
            state.setdefault(int(number), {})[name] = value
        whole = self.optimizer.state_dict()
        self.optimizer.load_state_dict({"state": state, "param_groups": whole["param_groups"]})
        self.teacher.network.eval()
        self.step_number = int(written["step"])


def _settled(value: Any) -> Any:
    """Return a part of what describes a training, without what may change."""
    return {k: v for k, v in value.items() if k != "steps"} if isinstance(value, dict) else value


def whole_lattice(item: Item) -> Tensor:
    """Return an item on the whole lattice, (128, 128, 128)."""
    sides: list[int] = []
    for axis in (2, 1, 0):
        before = item.start[axis]
        sides += [before, LATTICE_SIZE - before - item.box.shape[axis]]
    return pad(item.box, sides, value=float(item.background))
