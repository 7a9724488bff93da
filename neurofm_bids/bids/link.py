"""The dataset that an output folder was made from, as its dataset_description.json links it."""

from __future__ import annotations

import os
from pathlib import Path

from neurofm_bids.bids.names import DATASET_OUTPUTS
from neurofm_bids.storage.text import read_json

__all__ = ["other_source"]


def other_source(out_dir: Path, bids_dir: Path) -> Path | None:
    """Return the linked dataset if it is another folder than ``bids_dir``; None also where there is no link.

    The same dataset can be another folder: moved, copied, or mounted elsewhere. Only its images tell.
    """
    try:
        linked = read_json(out_dir / DATASET_OUTPUTS["description"])["DatasetLinks"]["raw"]
        folder = Path(os.path.normpath(out_dir / linked))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if folder == Path(os.path.normpath(bids_dir)):
        return None
    try:
        return None if folder.samefile(bids_dir) else folder
    except (OSError, ValueError):  # it is gone, or no path at all
        return folder
