"""The images in the anat folders of a dataset, and the folders that cannot be listed."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from neurofm_bids.bids.bidsignore import read_bidsignore
from neurofm_bids.bids.entities import EXTENSIONS, is_hidden, is_image
from neurofm_bids.bids.problems import Problem, folder_problem

__all__ = ["Listing", "list_images"]


@dataclass(frozen=True)
class Listing:
    """What the folders of participants hold.

    Parameters
    ----------
    images
        Everything that is meant as a T1w or UNIT1 image, ordered.
    ignored
        Those that ``.bidsignore`` excludes.
    closed
        Folders that cannot be listed.
    sessions
        Labels of the sessions.
    others
        Suffixes of the other images in ``anat``, by label of the participant.
    """

    images: list[Path] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)
    closed: list[tuple[Path, Problem]] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    others: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def list_images(root: Path, subjects: Sequence[str]) -> Listing:
    """Return what is in ``sub-*/[ses-*/]anat`` and no deeper: a link to a parent folder would never end.

    Parameters
    ----------
    root
        The dataset.
    subjects
        Labels of the participants whose folders are searched.
    """
    listing, is_ignored = Listing(), read_bidsignore(root)
    for label in subjects:
        for folder in _anat_folders(root / f"sub-{label}", listing):
            place = folder.relative_to(root).as_posix()
            for name in _names(folder, listing):
                if is_image(name):
                    images = listing.ignored if is_ignored(f"{place}/{name}") else listing.images
                    images.append(folder / name)
                elif name.endswith(EXTENSIONS):
                    listing.others[label].add(name.split(".")[0].rsplit("_", 1)[-1])
    listing.images.sort()
    return listing


def _anat_folders(subject: Path, listing: Listing) -> list[Path]:
    names = _names(subject, listing)
    sessions = [name for name in names if name.startswith("ses-")]
    listing.sessions.update(name.removeprefix("ses-") for name in sessions)
    folders = [subject] if "anat" in names else []
    folders += [subject / name for name in sessions if "anat" in _names(subject / name, listing)]
    return [folder / "anat" for folder in folders]


def _names(folder: Path, listing: Listing) -> list[str]:
    """Return what is in a folder, without hidden files such as those of macOS; note one that is closed."""
    try:
        return sorted(name for name in os.listdir(folder) if not is_hidden(name))  # noqa: PTH208 -- fast
    except OSError:
        problem = folder_problem(folder)
        if problem is not None:
            listing.closed.append((folder, problem))
        return []
