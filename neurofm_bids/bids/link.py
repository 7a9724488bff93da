"""The dataset that an output folder was made from, as its dataset_description.json links it."""

from __future__ import annotations

import os
from pathlib import Path

from neurofm_bids.bids.description import linked_datasets

__all__ = ["is_same_folder", "linked_source", "other_source"]


def linked_source(out_dir: Path) -> Path | None:
    """Return the dataset that an output folder links, which may be gone; None where there is no link."""
    linked = linked_datasets(out_dir).get("raw")
    return Path(os.path.normpath(out_dir / linked)) if isinstance(linked, str) else None


def other_source(out_dir: Path, bids_dir: Path) -> Path | None:
    """Return the linked dataset if it is another folder than ``bids_dir``; None also where there is no link.

    The same dataset can be another folder: moved, copied, or mounted elsewhere. Only its images tell.
    """
    folder = linked_source(out_dir)
    return None if folder is None or is_same_folder(folder, bids_dir) else folder


def is_same_folder(one: Path, other: Path) -> bool:
    """Tell whether two paths are of one folder; two that do not exist are, if they are written alike."""
    if os.path.normpath(one) == os.path.normpath(other):
        return True
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # it is gone, or no path at all
        return False
