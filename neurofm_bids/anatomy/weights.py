"""Weights of the segmentation network: one safetensors file with its architecture and classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.atomic import file_sha256
from neurofm_bids.storage.weights_file import check_arrays, read_weights, write_weights

if TYPE_CHECKING:
    from neurofm_bids.anatomy.network import AnatomyArchitecture, AnatomyNet

__all__ = ["load_anatomy_network", "save_anatomy_network"]

_COPY = "Get a new copy of the file."


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


def load_anatomy_network(path: Path, sha256: str | None = None) -> AnatomyNet:
    """Return the network of a file in eval mode on the CPU.

    Parameters
    ----------
    sha256
        Of the file as published, or None not to check it.

    Raises
    ------
    NeuroFMError
        The file cannot be read, is damaged, or is not of this network and these classes.
    """
    from neurofm_bids.anatomy.network import CLASSES, AnatomyNet

    _check_sha256(path, sha256)
    file = read_weights(path)
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


def _check_sha256(path: Path, sha256: str | None) -> None:
    try:
        digest = file_sha256(path)
    except OSError as error:
        raise NeuroFMError(
            f"the weights cannot be read ({error.strerror})",
            where=path,
            fix="Check the file and its permissions.",
            code=Exit.NO_INPUT,
        ) from error
    if sha256 is not None and digest != sha256:
        raise NeuroFMError("the weights are damaged", where=path, fix=_COPY, code=Exit.IO)


def _architecture(path: Path, provenance: Mapping[str, Any]) -> AnatomyArchitecture:
    from neurofm_bids.anatomy.network import AnatomyArchitecture

    try:
        return AnatomyArchitecture.from_dict(provenance["architecture"])
    except (KeyError, TypeError, ValueError) as error:
        raise NeuroFMError(f"the architecture is not valid ({error})", where=path, fix=_COPY) from error
