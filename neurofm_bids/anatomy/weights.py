"""Weights of the segmentation network: one safetensors file with its architecture and classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.atomic import file_sha256
from neurofm_bids.storage.weights_file import check_arrays, read_weights, write_weights

if TYPE_CHECKING:
    from neurofm_bids.anatomy.network import AnatomyArchitecture, AnatomyNet
    from neurofm_bids.storage.weights_file import WeightsFile

__all__ = [
    "AnatomyModel",
    "bundled_sha256",
    "load_anatomy_model",
    "load_anatomy_network",
    "save_anatomy_network",
]

_BUNDLED = "data/weights/open-anatomy.safetensors"
_COPY = "Get a new copy of the file."


@dataclass(frozen=True)
class AnatomyModel:
    """A segmentation network and what belongs to its weights.

    Parameters
    ----------
    network
        In eval mode.
    calibration
        The factor of the interval of each volume, see :func:`neurofm_bids.anatomy.morphometry.measure`; empty
        where the weights were not calibrated.
    sha256
        Of the file of the weights.
    """

    network: AnatomyNet
    calibration: Mapping[str, float]
    sha256: str


def load_anatomy_model(path: Path | None = None) -> AnatomyModel:
    """Return the model of a file, by default the bundled one, on the CPU.

    Raises
    ------
    NeuroFMError
        The file cannot be read, is damaged, or is not of this network and these classes.
    """
    path = path or _bundled()
    digest = _sha256(path)
    file = read_weights(path)
    calibration = file.provenance.get("calibration", {})
    if not isinstance(calibration, dict) or not all(isinstance(k, float) for k in calibration.values()):
        raise NeuroFMError("the calibration is not a number for each volume", where=path, fix=_COPY)
    return AnatomyModel(_network(path, file), calibration, digest)


@cache
def bundled_sha256() -> str:
    """Return the SHA-256 of the bundled weights.

    Raises
    ------
    NeuroFMError
        They cannot be read.
    """
    return _sha256(_bundled())


def _bundled() -> Path:
    return Path(str(files("neurofm_bids"))) / _BUNDLED


def save_anatomy_network(network: AnatomyNet, target: Path, provenance: Mapping[str, Any]) -> None:
    """Write a network's weights as safetensors, whole or not at all.

    Parameters
    ----------
    provenance
        Where they came from, ready for JSON, with ``licence``; architecture and classes are added.
    """
    from neurofm_bids.anatomy.network import CLASSES

    about = {**provenance, "architecture": asdict(network.architecture), "classes": CLASSES}
    if not about.get("licence"):
        raise ValueError("state the licence of the weights in the provenance")
    write_weights(target, network.state_dict(), about)


def load_anatomy_network(path: Path) -> AnatomyNet:
    """Return the network of :func:`load_anatomy_model`, with its errors."""
    return load_anatomy_model(path).network


def _network(path: Path, file: WeightsFile) -> AnatomyNet:
    from neurofm_bids.anatomy.network import CLASSES, AnatomyNet

    if file.provenance.get("classes") != list(CLASSES):
        raise NeuroFMError(
            "the file does not hold a segmentation network with the classes of this version",
            where=path,
            fix="Use the weights that belong to this version of NeuroFM-BIDS.",
        )
    network = AnatomyNet(_architecture(path, file.provenance))
    check_arrays(path, file.arrays, network.state_dict(), _COPY)
    network.load_state_dict(file.arrays)
    return network.eval()


def _sha256(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise NeuroFMError(
            f"the weights cannot be read ({error.strerror})",
            where=path,
            fix="Check the file and its permissions.",
            code=Exit.NO_INPUT,
        ) from error


def _architecture(path: Path, provenance: Mapping[str, Any]) -> AnatomyArchitecture:
    from neurofm_bids.anatomy.network import AnatomyArchitecture

    try:
        return AnatomyArchitecture.from_dict(provenance["architecture"])
    except (KeyError, TypeError, ValueError) as error:
        raise NeuroFMError(f"the architecture is not valid ({error})", where=path, fix=_COPY) from error
