"""Weights: which file belongs to a model, and strict loading of ``.h5`` and ``.safetensors``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurofm_bids import __version__
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.registry import ModelSpec, known_hashes, model_spec
from neurofm_bids.storage.atomic import file_sha256
from neurofm_bids.storage.weights_file import check_arrays, read_weights, without_counters, write_weights

if TYPE_CHECKING:
    from neurofm_bids.model.network import NeuroFMNet

__all__ = [
    "LoadedModel",
    "convert",
    "fetch_command",
    "find_weights",
    "identify",
    "load_model",
    "load_network",
    "save_network",
]

_CHECK = "Check the file and its permissions."
_OTHER_MODEL = "Choose the --model that the weights belong to."
_HDF5 = b"\x89HDF\r\n\x1a\n"


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
    path = find_weights(spec, weights)
    try:
        digest = file_sha256(path)
    except OSError as error:
        raise NeuroFMError(
            f"the weights cannot be read ({error.strerror})", where=path, fix=_CHECK, code=Exit.NO_INPUT
        ) from error
    if weights is None and spec.sha256 and digest != spec.sha256:
        fix = "Reinstall the package." if spec.file else f"Run {fetch_command(spec)} again."
        raise NeuroFMError(f"the weights of {name} are damaged", where=path, fix=fix, code=Exit.IO)
    return spec, digest


def load_model(name: str, weights: Path | None = None) -> LoadedModel:
    """Load a model by name, with its own or with given weights, in eval mode on the CPU.

    Raises
    ------
    NeuroFMError
        There is no such model or file, or the file does not hold exactly the weights of the variant.
    """
    spec, digest = identify(name, weights)
    return LoadedModel(spec, load_network(find_weights(spec, weights), spec), digest)


def find_weights(spec: ModelSpec, weights: Path | None = None) -> Path:
    """Return the file with a model's weights: the given one, the bundled one, or the one fetched before.

    Raises
    ------
    NeuroFMError
        There is none; the message says how to get it.
    """
    if weights is not None:
        if weights.is_file():
            return weights
        raise NeuroFMError(
            "weights file not found", where=weights, fix="Check --weights.", code=Exit.NO_INPUT
        )
    if spec.file:
        return Path(str(files("neurofm_bids") / "data" / "weights" / spec.file))
    from neurofm_bids.model.hub import fetched

    path = fetched(spec)
    if path is not None:
        return path
    raise NeuroFMError(
        f"weights for {spec.name} not found",
        fix=f"Run {fetch_command(spec)}, or use a file with --weights. open-s is bundled.",
        code=Exit.NO_INPUT,
    )


def fetch_command(spec: ModelSpec) -> str:
    """Return the command that fetches a model's weights."""
    return f"`neurofm-tools weights fetch {spec.name}`"


def load_network(path: Path, spec: ModelSpec) -> NeuroFMNet:
    """Return the network of a model with the weights of a file.

    Raises
    ------
    NeuroFMError
        The file is of another kind, is damaged, or does not hold exactly the weights of the model.
    """
    from neurofm_bids.model.architecture import ARCHITECTURES
    from neurofm_bids.model.network import NeuroFMNet

    network = NeuroFMNet(ARCHITECTURES[spec.variant], spec.heads)
    state = _read(path, network)
    check_arrays(path, state, without_counters(network.state_dict()), _OTHER_MODEL)
    network.load_state_dict(state, strict=False)
    return network.eval()


def _read(path: Path, network: NeuroFMNet) -> dict[str, Any]:
    """Read a weights file of either kind; its first bytes tell which, not its name."""
    with path.open("rb") as stream:
        first = stream.read(len(_HDF5))
    if first == _HDF5:
        import torch

        from neurofm_bids.model.keras_h5 import read_keras_h5

        trusted = file_sha256(path) in known_hashes()
        arrays = read_keras_h5(path, network.architecture, network.outputs, trusted=trusted)
        return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    variant, file = network.architecture.name, read_weights(path, "HDF5 (.h5) and safetensors")
    written = file.provenance.get("variant", variant)
    if written != variant:
        raise NeuroFMError(
            f"the file holds the weights of variant {written}, not {variant}", where=path, fix=_OTHER_MODEL
        )
    return file.arrays


def convert(source: Path, target: Path, spec: ModelSpec) -> None:
    """Write a model's weights as safetensors, with where they came from.

    Parameters
    ----------
    source
        ``.h5`` or ``.safetensors``, checked as for loading.
    target
        Written whole or not at all.

    Raises
    ------
    NeuroFMError
        The source is refused, or the target cannot be written.
    """
    provenance = {
        "model": spec.name,
        "licence": spec.license,
        "source": source.name,
        "source_sha256": file_sha256(source),
        "converted_by": f"NeuroFM-BIDS {__version__}",
    }
    save_network(load_network(source, spec), target, provenance)


def save_network(network: NeuroFMNet, target: Path, provenance: Mapping[str, Any]) -> None:
    """Write a network's weights as safetensors, whole or not at all.

    Parameters
    ----------
    provenance
        Where they came from, ready for JSON; the variant is added.
    """
    about = {**provenance, "variant": network.architecture.name}
    write_weights(target, network.state_dict(), about)
