"""Checkpoints: everything that the next step needs, in one safetensors file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.storage.atomic import write_bytes

__all__ = ["read_checkpoint", "write_checkpoint"]

_KEY = "pretraining"


def write_checkpoint(path: Path, groups: dict[str, dict[str, Tensor]], metadata: dict[str, Any]) -> None:
    """Write named groups of tensors and metadata atomically."""
    from safetensors.torch import save

    tensors = {
        f"{group}|{name}": value.detach().cpu().contiguous().clone()
        for group, members in groups.items()
        for name, value in members.items()
    }
    write_bytes(path, save(tensors, {_KEY: json.dumps(metadata, sort_keys=True)}))


def read_checkpoint(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Return the groups of tensors and the metadata that :func:`write_checkpoint` wrote.

    Raises
    ------
    NeuroFMError
        The file is not a checkpoint of pretraining.
    """
    from safetensors import SafetensorError, safe_open

    groups: dict[str, dict[str, torch.Tensor]] = {}
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
