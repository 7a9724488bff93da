"""The registry of models: name, licence, constants, and what has to be said of each."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from neurofm_bids.errors import Exit, NeuroFMError

__all__ = ["ModelSpec", "Target", "known_hashes", "model_names", "model_spec"]


@dataclass(frozen=True)
class Target:
    """One predicted quantity.

    Parameters
    ----------
    mean, sd
        Constants of the de-standardisation ``value = z * sd + mean``; absent for sex.
    valid_range
        Values for which the model was trained.
    """

    name: str
    long_name: str
    description: str
    units: str
    valid_range: tuple[float, float]
    mean: float = 0.0
    sd: float = 1.0


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
    training, validated
        What the weights were trained on, and what they were checked on.
    notice
        What has to be known before the numbers are used.
    file
        Weights that come with the package, if they do.
    repository, file_on_hub
        Where Hugging Face has them, if it does.
    sha256
        Of the file, where it is known.
    """

    name: str
    label: str
    variant: str
    latent_size: int
    licence: str
    training: str
    validated: str
    notice: str
    targets: Mapping[str, Target]
    file: str = ""
    repository: str = ""
    file_on_hub: str = ""
    sha256: str = ""


def model_names() -> tuple[str, ...]:
    """Return the names of all models."""
    return tuple(_registry())


def known_hashes() -> frozenset[str]:
    """Return the SHA-256 of all files of weights that the registry knows."""
    return frozenset(spec.sha256 for spec in _registry().values() if spec.sha256)


def model_spec(name: str) -> ModelSpec:
    """Return one model of the registry.

    Raises
    ------
    NeuroFMError
        There is no such model.
    """
    try:
        return _registry()[name]
    except KeyError:
        raise NeuroFMError(
            "unknown model", where=name, fix=f"Use one of {', '.join(_registry())}.", code=Exit.USAGE
        ) from None


@lru_cache(maxsize=1)
def _registry() -> dict[str, ModelSpec]:
    text = (files("neurofm_bids.model") / "models.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    constants = data["constants"]
    specs = {}
    for name, entry in data["model"].items():
        kind = data["targets"][entry.pop("targets")]
        targets = {
            key: Target(
                name=key,
                **{**value, "valid_range": tuple(value["valid_range"])},
                **constants.get(key, {}),
            )
            for key, value in kind.items()
        }
        specs[name] = ModelSpec(name=name, targets=targets, **entry)
    return specs
