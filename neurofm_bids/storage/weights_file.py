"""Files of network weights: safetensors with a record of their origin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.storage.atomic import write_bytes
from neurofm_bids.storage.plain import plain_name

__all__ = ["PROVENANCE", "WeightsFile", "check_arrays", "read_weights", "without_counters", "write_weights"]

PROVENANCE = "neurofm"  # key of the provenance in the metadata of safetensors files
_OTHER_KINDS = {
    b"\x89HDF\r\n\x1a\n": "HDF5",
    b"PK": "a ZIP archive (PyTorch or Keras 3)",
    b"\x80": "a Python pickle",
    b"version h": "a Git LFS pointer instead of the file",
    b"<": "a web page",
    b"\x1f\x8b": "compressed with gzip",
}


@dataclass(frozen=True)
class WeightsFile:
    """What a file holds: the record of the origin of the weights, and finite float32 tensors by name."""

    provenance: Mapping[str, Any]
    arrays: dict[str, Any]


def read_weights(path: Path, formats: str = "safetensors") -> WeightsFile:
    """Read a safetensors file, whatever its name.

    Parameters
    ----------
    formats
        What the caller reads, for the message about a file of another kind.

    Raises
    ------
    NeuroFMError
        The file is of another kind, is damaged, or a weight is not finite float32.
    """
    with path.open("rb") as stream:
        first = stream.read(9)
    if first[8:] != b"{":
        kinds = (kind for start, kind in _OTHER_KINDS.items() if first.startswith(start))
        raise NeuroFMError(
            f"the file is {next(kinds, 'of unknown type')}; weights are read from {formats} only",
            where=path,
            fix="Use the file as published, or convert it in the program that wrote it.",
        )
    return _read(path)


def _read(path: Path) -> WeightsFile:
    import torch
    from safetensors import SafetensorError, safe_open

    try:
        with plain_name(path) as plain, safe_open(plain, framework="pt") as file:
            provenance = json.loads((file.metadata() or {}).get(PROVENANCE, "{}"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, not a mapping
        if not isinstance(provenance, dict):
            raise ValueError(f"{PROVENANCE} is not an object")
    except (SafetensorError, OSError, ValueError, AttributeError) as error:
        raise NeuroFMError(
            f"the safetensors file is damaged ({error})", where=path, fix="Get a new copy."
        ) from error
    arrays = without_counters(arrays)
    for name, value in arrays.items():
        if value.dtype != torch.float32 or not torch.isfinite(value).all():
            raise NeuroFMError(f"the weight {name} is not finite float32", where=path, fix="Get a new copy.")
    return WeightsFile(provenance, arrays)


def write_weights(target: Path, state: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
    """Write weights as safetensors, whole or not at all; equal arguments give equal bytes.

    Parameters
    ----------
    state
        Tensors by name; counters of batches are left out.
    provenance
        Where they came from, ready for JSON.
    """
    from safetensors.torch import save

    arrays = {name: value.contiguous() for name, value in without_counters(state).items()}
    write_bytes(target, save(arrays, {PROVENANCE: json.dumps(provenance, sort_keys=True)}))


def without_counters(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a network's tensors without the counters of batches of its normalisation."""
    return {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}


def check_arrays(path: Path, arrays: Mapping[str, Any], expected: Mapping[str, Any], fix: str) -> None:
    """Refuse a file whose arrays are not those of the network by name and shape.

    Raises
    ------
    NeuroFMError
        They differ; the message names up to three of them and ends with ``fix``.
    """
    shapes, wanted = ({n: tuple(v.shape) for n, v in side.items()} for side in (arrays, expected))
    problems = [f"{name} is missing" for name in wanted if name not in shapes]
    problems += [f"{name} is unknown" for name in shapes if name not in wanted]
    problems += [
        f"{name} has shape {shapes[name]} instead of {shape}"
        for name, shape in wanted.items()
        if name in shapes and shapes[name] != shape
    ]
    if problems:
        raise NeuroFMError(
            f"the file does not hold the weights of this variant: {'; '.join(problems[:3])}",
            where=path,
            fix=fix,
        )
