"""Weights: which file belongs to a model, and strict loading of ``.h5`` and ``.safetensors``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.models import ModelSpec, model_spec

if TYPE_CHECKING:
    from neurofm_bids.model.network import NeuroFMNet

__all__ = ["LoadedModel", "file_sha256", "identify", "load_model", "load_network"]


@dataclass(frozen=True)
class LoadedModel:
    """A network with its weights, ready for inference, and where they came from."""

    spec: ModelSpec
    network: NeuroFMNet
    sha256: str


def identify(name: str, weights: Path | None = None) -> tuple[ModelSpec, str]:
    """Return a model's entry in the registry and the SHA-256 of its weights, without loading them.

    Raises
    ------
    NeuroFMError
        There is no such model, or no weights file.
    """
    spec = model_spec(name)
    digest = file_sha256(_resolve(spec, weights))
    if weights is None and digest != spec.sha256:
        raise NeuroFMError(
            "the bundled weights are damaged", where=spec.file, fix="Install the package again.", code=Exit.IO
        )
    return spec, digest


def load_model(name: str, weights: Path | None = None) -> LoadedModel:
    """Load a model by name, with its own or with given weights, in eval mode on the CPU.

    Raises
    ------
    NeuroFMError
        There is no such model or file, or the file does not hold exactly the weights of the variant.
    """
    spec, digest = identify(name, weights)
    return LoadedModel(spec, load_network(_resolve(spec, weights), spec.variant), digest)


def _resolve(spec: ModelSpec, weights: Path | None) -> Path:
    if weights is not None:
        if weights.is_file():
            return weights
        raise NeuroFMError(
            "there is no such weights file", where=weights, fix="Check --weights.", code=Exit.NO_INPUT
        )
    if spec.file:
        return Path(str(files("neurofm_bids") / "data" / "weights" / spec.file))
    raise NeuroFMError(
        f"the weights of {spec.name} are not here",
        fix=(
            "They are gated and licensed CC BY-NC-SA 4.0: accept the terms of NeuroAI-UofG/NeuroFM on "
            "Hugging Face, download the file and give it with --weights. The model open-s works without."
        ),
        code=Exit.NO_INPUT,
    )


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def load_network(path: Path, variant: str) -> NeuroFMNet:
    """Return the network of a variant (``s``, ``m``, ``l``) with the weights of a file.

    Raises
    ------
    NeuroFMError
        The file is of another kind, damaged, or holds other weights than the variant has.
    """
    from neurofm_bids.model.network import ARCHITECTURES, NeuroFMNet

    network = NeuroFMNet(ARCHITECTURES[variant])
    state = _read(path, network)
    expected = {
        name: tuple(value.shape)
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    _check(path, {name: tuple(value.shape) for name, value in state.items()}, expected)
    network.load_state_dict(state, strict=False)
    return network.eval()


def _read(path: Path, network: NeuroFMNet) -> dict[str, Any]:
    import torch

    if path.suffix in {".h5", ".hdf5"}:
        from neurofm_bids.model.keras_h5 import read_keras_h5

        arrays = read_keras_h5(path, network.architecture)
        return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    raise NeuroFMError(
        "weights are read from .h5 and .safetensors files only", where=path, fix="Convert the file."
    )


def _read_safetensors(path: Path) -> dict[str, Any]:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise NeuroFMError(f"the weights file cannot be read ({error})", where=path) from error
    state = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    for name, value in state.items():
        if value.dtype != torch.float32 or not torch.isfinite(value).all():
            raise NeuroFMError(f"the weight {name} is not finite float32", where=path)
    return state


def _check(path: Path, found: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]) -> None:
    problems = [f"{name} is missing" for name in expected if name not in found]
    problems += [f"{name} is unknown" for name in found if name not in expected]
    problems += [
        f"{name} has shape {found[name]} instead of {shape}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    if problems:
        raise NeuroFMError(
            f"the file does not hold the weights of this variant: {'; '.join(problems[:3])}",
            where=path,
            fix="Choose the --model that the weights belong to.",
        )
