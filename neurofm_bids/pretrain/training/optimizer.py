"""The optimiser of a training: AdamW, or Muon for the filters of convolutions and AdamW for the rest."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neurofm_bids.pretrain.training.recipe import MUON, Recipe

__all__ = ["Optimizer"]

_WEIGHT_DECAY = 1e-4
_MUON_SHARE = 0.5  # of the learning rate


class Optimizer:
    """Updates the parameters of a model.

    Muon (K. Jordan 2024, in torch.optim) makes the singular values of each update about equal, so that
    directions with small gradients are learnt, too. It takes matrices: the filters of a convolution are one,
    with a row for each of them. Its steps are scaled to the size of those of AdamW.

    Parameters
    ----------
    model
        Its parameters.
    recipe
        The settings.
    """

    def __init__(self, model: nn.Module, recipe: Recipe) -> None:
        self._filters: list[tuple[nn.Parameter, nn.Parameter]] = []
        others = []
        for parameter in model.parameters():
            if recipe.optimizer == MUON and parameter.ndim == 5 and parameter[0].numel() > 1:
                self._filters.append((parameter, nn.Parameter(_matrix(parameter.detach()))))
            else:
                others.append(parameter)
        rate, decay = recipe.learning_rate, _WEIGHT_DECAY
        adamw = torch.optim.AdamW(others, lr=rate, weight_decay=decay)
        self._parts: list[tuple[torch.optim.Optimizer, float]] = [(adamw, 1.0)]
        if self._filters:
            matrices = [matrix for _, matrix in self._filters]
            muon = torch.optim.Muon(matrices, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
            self._parts.append((muon, _MUON_SHARE))

    def step(self, learning_rate: float) -> None:
        """Update the parameters with their gradients."""
        for parameter, matrix in self._filters:
            matrix.data = _matrix(parameter.data)  # the same numbers, wherever they lie now
            matrix.grad = None if parameter.grad is None else _matrix(parameter.grad)
        for optimizer, share in self._parts:
            for group in optimizer.param_groups:
                group["lr"] = share * learning_rate
            optimizer.step()
        for _, matrix in self._filters:
            matrix.grad = None

    def state(self) -> dict[str, Tensor]:
        """Return the tensors that the next step needs."""
        return {
            f"{part}|{number}|{key}": torch.as_tensor(value)
            for part, (optimizer, _) in enumerate(self._parts)
            for number, values in optimizer.state_dict()["state"].items()
            for key, value in values.items()
        }

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Continue from the tensors of :meth:`state`."""
        states: list[dict[int, dict[str, Tensor]]] = [{} for _ in self._parts]
        for name, value in tensors.items():
            part, number, key = name.split("|")
            states[int(part)].setdefault(int(number), {})[key] = value
        for (optimizer, _), state in zip(self._parts, states, strict=True):
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": state, "param_groups": groups})


def _matrix(filters: Tensor) -> Tensor:
    """Return filters (F, C, d, h, w) as a matrix with a row for each, (F, C d h w), in the same storage.

    The order of the columns, which makes no difference to Muon, is that of the storage.
    """
    if not filters.is_contiguous():  # channels last
        filters = filters.movedim(1, -1)
    return filters.view(len(filters), -1)
