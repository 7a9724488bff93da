"""JSON metadata of an image, with the lexical inheritance of BIDS."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neurofm_bids.bids.entities import is_hidden
from neurofm_bids.bids.problems import Problem, fetch_problem
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.storage.text import read_json

__all__ = ["read_metadata", "read_sidecar"]

_DEEPEST = 50
_FIX = "Fix the sidecar."


def read_metadata(image: Path, bids_dir: Path, cache: dict[Path, list[Path]] | None = None) -> dict[str, Any]:
    """Return the metadata of an image: every applicable JSON file from the root down, the nearest winning.

    Parameters
    ----------
    image
        The image, under ``bids_dir``.
    cache
        JSON files by folder, to list each folder once over many images.

    Raises
    ------
    NeuroFMError
        As :func:`read_sidecar`.
    """
    suffix = image.name.split(".")[0].rsplit("_", 1)[-1]
    entities = set(image.name.split(".")[0].split("_")[:-1])
    merged: dict[str, Any] = {}
    for folder in _levels(image, bids_dir):
        applicable = [p for p in _json_files(folder, cache) if _applies(p, suffix, entities)]
        for path in sorted(applicable, key=lambda p: p.name.count("_")):
            merged |= read_sidecar(path)
    return merged


def _levels(image: Path, bids_dir: Path) -> Iterator[Path]:
    folder = bids_dir
    yield folder
    for part in image.relative_to(bids_dir).parts[:-1]:
        folder = folder / part
        yield folder


def _json_files(folder: Path, cache: dict[Path, list[Path]] | None) -> list[Path]:
    if cache is None:
        cache = {}
    if folder not in cache:
        cache[folder] = sorted(path for path in folder.glob("*.json") if not is_hidden(path.name))
    return cache[folder]


def _applies(path: Path, suffix: str, entities: set[str]) -> bool:
    *parts, last = path.name.removesuffix(".json").split("_")
    return last == suffix and set(parts) <= entities


def read_sidecar(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file, so that it can be written again.

    Values that are not valid in JSON (NaN, infinity, numbers beyond the range of a float) are left out, with
    the list or object that holds them; unpaired surrogates in texts are replaced.

    Raises
    ------
    NeuroFMError
        The file cannot be read, is not valid JSON or not an object.
    """
    try:
        value = read_json(path)
        if not isinstance(value, dict):
            raise NeuroFMError(f"the sidecar {path.name} is not a JSON object", where=path, fix=_FIX)
        return {_text(key): _clean(item, 1) for key, item in value.items() if _is_json(item, 1)}
    except (OSError, ValueError) as error:
        what, fix = _problem(path, error)
        raise NeuroFMError(f"the sidecar {path.name} {what}", where=path, fix=fix) from error


def _problem(path: Path, error: OSError | ValueError) -> Problem:
    if isinstance(error, ValueError):
        return fetch_problem(path) or (f"is not valid JSON ({error})", _FIX)
    unfetched = fetch_problem(path) if isinstance(error, FileNotFoundError) else None
    return unfetched or (f"cannot be read ({error.strerror})", _FIX)


def _is_json(value: Any, depth: int) -> bool:
    """Tell whether a value holds only what JSON has."""
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    if isinstance(value, dict):
        return all(_is_json(item, depth + 1) for item in value.values())
    if isinstance(value, list):
        return all(_is_json(item, depth + 1) for item in value)
    return not isinstance(value, float) or math.isfinite(value)


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        return {_text(key): _clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value]
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode()
