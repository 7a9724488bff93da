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


def write_checkpoint(path: Path, parts: dict[str, dict[str, Tensor]], about: dict[str, Any]) -> None:
    """Write named groups of tensors and what is known of them, whole or not at all."""
    from safetensors.torch import save

    tensors = {
        f"{group}|{name}": value.detach().cpu().contiguous().clone()
        for group, members in parts.items()
        for name, value in members.items()
    }
    write_bytes(path, save(tensors, {_KEY: json.dumps(about, sort_keys=True)}))


def read_checkpoint(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Return what :func:`write_checkpoint` wrote.

    Raises
    ------
    NeuroFMError
        The file is no checkpoint of pretraining.
    """
    from safetensors import SafetensorError, safe_open

    parts: dict[str, dict[str, torch.Tensor]] = {}
    try:
        with safe_open(path, framework="pt") as file:
            about: dict[str, Any] = json.loads((file.metadata() or {})[_KEY])
            for key in file.keys():  # noqa: SIM118, not a mapping
                group, name = key.split("|", 1)
                parts.setdefault(group, {})[name] = file.get_tensor(key)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise NeuroFMError(
            f"the file is no checkpoint of pretraining ({error})", where=path, fix="Start in a new folder."
        ) from error
    return parts, about
