"""The description of the source dataset, which must be one of raw BIDS data."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from neurofm_bids.bids.problems import Problem, fetch_problem
from neurofm_bids.storage.text import read_json

__all__ = ["dataset_name", "description_problem", "linked_datasets", "read_description"]

_FIX = "Fix it, or use --skip-bids-validation."


def description_problem(path: Path) -> Problem | None:
    """Return why a dataset_description.json is not that of raw BIDS data, or None."""
    if not os.path.lexists(path):
        return _not_raw("is missing", "Add it, or use --skip-bids-validation.")
    with suppress(OSError):
        if unfetched := fetch_problem(path, f"{path.name} "):
            return unfetched
    try:
        description = read_json(path)
    except OSError as error:
        return _not_raw(f"cannot be read ({error.strerror})", "Check the file.")
    except ValueError:
        return _not_raw("is not valid JSON", _FIX)
    if not isinstance(description, dict) or not {"Name", "BIDSVersion"} <= set(description):
        return _not_raw("lacks Name or BIDSVersion", _FIX)
    if description.get("DatasetType", "raw") != "raw":
        return _not_raw("has a DatasetType other than raw", _FIX)
    return None


def read_description(folder: Path) -> dict[str, Any]:
    """Return the dataset_description.json of a folder; empty if there is none that is valid."""
    with suppress(OSError, ValueError):
        description = read_json(folder / "dataset_description.json")
        if isinstance(description, dict):
            return description
    return {}


def linked_datasets(folder: Path) -> dict[str, Any]:
    """Return the paths of the datasets that the description of a folder links, by their names."""
    links = read_description(folder).get("DatasetLinks")
    return links if isinstance(links, dict) else {}


def dataset_name(bids_dir: Path) -> str:
    """Return the name of a dataset in its description, or else that of its folder."""
    return " ".join(str(read_description(bids_dir).get("Name", "")).split()) or bids_dir.name


def _not_raw(what: str, fix: str) -> Problem:
    return f"this is not a raw BIDS dataset: dataset_description.json {what}", fix
