"""The registry of models: name, heads, license, and what users must know about each."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from neurofm_bids.errors import Exit, NeuroFMError

__all__ = [
    "Head",
    "ModelSpec",
    "SegmentationSpec",
    "known_hashes",
    "model_names",
    "model_spec",
    "segmentation_spec",
]

Status = Literal["", "preview", "validated"]


@dataclass(frozen=True)
class Head:
    """One output of a network, and the quantity that it predicts.

    Parameters
    ----------
    outputs
        1, or the number of classes of a softmax.
    mean, sd
        Constants of the de-standardisation ``value = z * sd + mean``.
    keras
        Names of the layer in published files.
    valid_range
        Values for which the model was trained.
    possible_range
        Values outside which something went wrong.
    of_class
        The class of which the value is the probability.
    in_mask
        A volume in native space, which cannot exceed that of the brain mask.
    measured, tolerance
        The volume of the segmentation that has the same definition, if there is one, and by how much both may
        differ, as a fraction of it and in mm3.
    """

    name: str
    long_name: str
    description: str
    units: str
    valid_range: tuple[float, float]
    possible_range: tuple[float, float] = (-math.inf, math.inf)
    of_class: str | None = None
    in_mask: bool = False
    measured: str = ""
    tolerance: tuple[float, float] = (0.0, 0.0)
    outputs: int = 1
    mean: float = 0.0
    sd: float = 1.0
    keras: tuple[str, ...] = ()

    def possible(self, mask_volume: float) -> tuple[float, float]:
        """Return the possible values for a brain mask of so many mm3."""
        low, high = self.possible_range
        return low, min(high, mask_volume) if self.in_mask else high


@dataclass(frozen=True)
class ModelSpec:
    """What is known of one model; see ``models.toml``.

    Parameters
    ----------
    label
        As in the names of outputs.
    variant
        Architecture: ``s``, ``m`` or ``l``.
    latent_size
        Number of features.
    heads
        The outputs of the network, in order.
    zscore
        Precision in which mean and sd of the model grid are computed.
    training, validated
        What the weights were trained on, and what they were checked on.
    notice
        What users must know before they use the numbers.
    file
        Bundled weights file, if any.
    repository, file_on_hub
        Repository on Hugging Face and file in it, if any.
    sha256
        Of the file, where it is known.
    centiles
        Whether centiles of predicted volumes may be shown, and with which status; empty if not.
    """

    name: str
    label: str
    variant: str
    latent_size: int
    license: str
    training: str
    validated: str
    notice: str
    heads: tuple[Head, ...]
    zscore: Literal["float32", "float64"] = "float64"
    file: str = ""
    repository: str = ""
    file_on_hub: str = ""
    sha256: str = ""
    centiles: Status = ""

    def head(self, name: str) -> Head:
        """Return one output by name."""
        return next(head for head in self.heads if head.name == name)


@dataclass(frozen=True)
class SegmentationSpec:
    """What the card of a segmentation network says of centiles of its volumes; see ``models.toml``.

    Parameters
    ----------
    sha256
        Of the file of its weights: other weights need their own card.
    centiles
        Whether centiles may be shown, and with which status; empty if not.
    unreliable
        Structures whose volumes follow those of manual labels weakly.
    shifted
        Structures and sums whose volumes differ from FreeSurfer's by one sd between people or more.
    source
        Where both were measured.
    """

    name: str
    sha256: str
    centiles: Status
    unreliable: tuple[str, ...]
    shifted: tuple[str, ...]
    source: str

    @property
    def about(self) -> dict[str, Any]:
        """The card, ready for JSON."""
        return {
            "Name": self.name,
            "WeightsSHA256": self.sha256,
            "Centiles": self.centiles,
            "Unreliable": list(self.unreliable),
            "Shifted": list(self.shifted),
            "Source": self.source,
        }


def model_names() -> tuple[str, ...]:
    """Return the names of all models."""
    return tuple(models())


def known_hashes() -> frozenset[str]:
    """Return the SHA-256 of all files of weights that the registry knows."""
    return frozenset(spec.sha256 for spec in models().values() if spec.sha256)


def model_spec(name: str) -> ModelSpec:
    """Return one model of the registry.

    Raises
    ------
    NeuroFMError
        There is no such model.
    """
    try:
        return models()[name]
    except KeyError:
        raise NeuroFMError(
            "unknown model", where=name, fix=f"Use one of {', '.join(models())}.", code=Exit.USAGE
        ) from None


def segmentation_spec(sha256: str) -> SegmentationSpec | None:
    """Return what is known of the segmentation network with these weights, None if nothing is."""
    for name, entry in entries()["segmentation"].items():
        if entry["sha256"] == sha256:
            lists = {key: tuple(value) for key, value in entry.items() if isinstance(value, list)}
            return SegmentationSpec(name, **{**entry, **lists})
    return None


@lru_cache(maxsize=1)
def entries() -> dict[str, Any]:
    """Return the content of ``models.toml``."""
    text = (files("neurofm_bids.model") / "models.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@lru_cache(maxsize=1)
def models() -> dict[str, ModelSpec]:
    """Return the models of features by name."""
    data = entries()
    heads = {
        kind: tuple(_head(name, {**data["head"].get(name, {}), **about}) for name, about in own.items())
        for kind, own in data["heads"].items()
    }
    return {
        name: ModelSpec(name=name, **{**entry, "heads": heads[entry["heads"]]})
        for name, entry in data["model"].items()
    }


def _head(name: str, about: dict[str, Any]) -> Head:
    assert name != "latent"  # the name of the features among the outputs of a pass
    lists = {key: tuple(value) for key, value in about.items() if isinstance(value, list)}
    return Head(name, **{**about, **lists})
