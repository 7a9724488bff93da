"""The training loop: a network, its optimiser and the moving average of its weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pretrain.training.distributed import ProcessGroup
from neurofm_bids.pretrain.training.objective import Learner, Objective
from neurofm_bids.pretrain.training.optimizer import Optimizer
from neurofm_bids.pretrain.training.recipe import Recipe
from neurofm_bids.storage.atomic import write_bytes

__all__ = ["Trainer", "read_checkpoint"]

_KEY = "pretraining"  # of the metadata of a checkpoint
_MAX_GRADIENT_NORM = 3.0
_SCHEDULE = ("steps", "decay_fraction")
_CHECKED = {"recipe": "recipe", "losses": "weighting of losses"}


class Trainer:
    """The state of a training, and its steps.

    Parameters
    ----------
    recipe
        The settings.
    objective
        What is learnt.
    group
        The processes that train together.
    """

    def __init__(self, recipe: Recipe, objective: Objective, group: ProcessGroup) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.objective, self.group, self.device = recipe, objective, group, group.device
        self.model = objective.learner().to(self.device)
        self.ema = AveragedModel(self.network, multi_avg_fn=self._update_average)
        self.optimizer = Optimizer(self.model, recipe)
        self.step_number = 0

    @property
    def network(self) -> nn.Module:
        """The network that is exported."""
        network: nn.Module = cast("Learner", self.model).network
        return network

    def start(self, examples: Sequence[Any]) -> None:
        """Start from random weights, with what depends on the data set from some examples."""
        self.objective.start(self.model, examples)
        self.initialise(self.network)

    def initialise(self, network: nn.Module) -> None:
        """Start from the weights and statistics of a network."""
        self.network.load_state_dict(network.state_dict())
        self.objective.freeze(self.network)
        self.ema.update_parameters(self.network)  # the first call copies

    def step(self, examples: Sequence[Any]) -> float:
        """Learn from this process's part of one batch and return its mean loss."""
        self.model.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.device)
        for example in examples:
            loss = self.objective.loss(self.model, example, self.step_number) / len(examples)
            loss.backward()
            total += loss.detach()
        self.group.average_gradients(self.model.parameters())
        nn.utils.clip_grad_norm_(self.model.parameters(), _MAX_GRADIENT_NORM)
        self.optimizer.step(self.recipe.learning_rate_at(self.step_number))
        self.step_number += 1
        self.ema.update_parameters(self.network)
        return float(total)

    def _update_average(self, averages: Sequence[Tensor], weights: Sequence[Tensor], count: Any) -> None:
        """Update the moving average, faster at first, so that it does not depend on the initial weights."""
        update = max(self.recipe.ema_update, 1 / (1 + int(count)))
        for average, weight in zip(averages, weights, strict=True):
            average.lerp_(weight, update)

    def save(self, path: Path, metadata: dict[str, Any]) -> None:
        """Write everything that the next step needs, as safetensors."""
        groups = {
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "moments": self.optimizer.state(),
        }
        tensors = {
            f"{group}|{name}": value.detach().cpu().contiguous().clone()
            for group, members in groups.items()
            for name, value in members.items()
        }
        about = json.dumps({**metadata, "step": self.step_number}, sort_keys=True)
        write_bytes(path, save(tensors, {_KEY: about}))

    def load(self, path: Path, metadata: dict[str, Any]) -> dict[str, Any]:
        """Resume from a checkpoint of the same recipe, and return its metadata.

        The number of steps and the part of them over which the learning rate decays may change; a rate that
        had begun to fall may rise again.

        Raises
        ------
        NeuroFMError
            The checkpoint is of another recipe.
        """
        groups, saved = read_checkpoint(path)
        self._check(path, metadata, saved)
        self.model.load_state_dict(groups["model"])
        self.objective.freeze(self.network)
        self.ema.load_state_dict(groups["ema"])
        self.optimizer.load_state(groups.get("moments", {}))
        self.step_number = int(saved["step"])
        return saved

    def _check(self, path: Path, metadata: dict[str, Any], saved: dict[str, Any]) -> None:
        current = json.loads(json.dumps(metadata))  # tuples as lists
        schedule = dict.fromkeys(_SCHEDULE)
        for key, name in _CHECKED.items():
            if saved.get(key, {}) | schedule != current[key] | schedule:
                raise NeuroFMError(
                    f"the training in this folder has a different {name}",
                    where=path,
                    fix="Use the same options and version, or a new folder.",
                    code=Exit.USAGE,
                )


def read_checkpoint(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Return the groups of tensors and the metadata that :meth:`Trainer.save` wrote.

    Raises
    ------
    NeuroFMError
        The file is not a checkpoint of pretraining.
    """
    groups: dict[str, dict[str, Tensor]] = {}
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, Any] = json.loads((file.metadata() or {})[_KEY])
            for key in file.keys():  # noqa: SIM118, not a mapping
                group, name = key.split("|", 1)
                groups.setdefault(group, {})[name] = file.get_tensor(key)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise NeuroFMError(
            f"not a checkpoint of pretraining ({error})", where=path, fix="Train in a new folder."
        ) from error
    return groups, metadata
