"""JSON metadata of an image, with the lexical inheritance of BIDS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neurofm_bids.errors import NeuroFMError

__all__ = ["read_metadata"]


def read_metadata(image: Path, bids_dir: Path, cache: dict[Path, list[Path]] | None = None) -> dict[str, Any]:
    """Return the metadata of an image: every applicable JSON from the root down, the nearest winning.

    Parameters
    ----------
    image
        The image, under ``bids_dir``.
    cache
        JSON files by folder, to list each folder once over many images.

    Raises
    ------
    NeuroFMError
        A sidecar is not valid JSON or not an object.
    """
    suffix = image.name.split(".")[0].rsplit("_", 1)[-1]
    entities = set(image.name.split(".")[0].split("_")[:-1])
    merged: dict[str, Any] = {}
    for folder in _levels(image, bids_dir):
        applicable = [p for p in _json_files(folder, cache) if _applies(p, suffix, entities)]
        for path in sorted(applicable, key=lambda p: p.name.count("_")):
            merged |= _read(path)
    return merged


def _levels(image: Path, bids_dir: Path) -> Iterator[Path]:
    folder = bids_dir
    yield folder
    for part in image.relative_to(bids_dir).parts[:-1]:
        folder = folder / part
        yield folder


def _json_files(folder: Path, cache: dict[Path, list[Path]] | None) -> list[Path]:
    if cache is None:
        return sorted(folder.glob("*.json"))
    if folder not in cache:
        cache[folder] = sorted(folder.glob("*.json"))
    return cache[folder]


def _applies(path: Path, suffix: str, entities: set[str]) -> bool:
    *parts, last = path.name.removesuffix(".json").split("_")
    return last == suffix and set(parts) <= entities


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise NeuroFMError(
            f"the sidecar {path.name} is not valid JSON ({error})", where=path, fix="Mend the sidecar."
        ) from error
    if not isinstance(value, dict):
        raise NeuroFMError(
            f"the sidecar {path.name} is not a JSON object", where=path, fix="Mend the sidecar."
        )
    return value
