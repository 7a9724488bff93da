"""The selected images of a dataset, or of one of several equal parts of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from neurofm_bids.bids.absence import nothing_selected
from neurofm_bids.bids.filters import Selector
from neurofm_bids.bids.index import Listing, list_images
from neurofm_bids.bids.index_file import read_index
from neurofm_bids.bids.labels import check_sessions, find_participants
from neurofm_bids.bids.preference import passed_over
from neurofm_bids.bids.problems import NOT_LAST, Problem, name_problem
from neurofm_bids.cluster_options import Shard
from neurofm_bids.config import Config, Selection

__all__ = ["choose", "dealing_order", "having_images", "list_dataset", "list_part", "subject_of"]

_log = logging.getLogger(__name__)


def list_dataset(root: Path, options: Selection) -> tuple[list[str], Listing]:
    """Return the labels of the selected participants and what their folders hold.

    Raises
    ------
    NeuroFMError
        A label does not exist, or the index cannot be used.
    """
    if options.index:
        indexed = read_index(options.index, root, options)
        return list(indexed.subjects), indexed.listing
    subjects, links = find_participants(root, options.participant_label)
    listing = list_images(root, subjects)
    listing.closed[:0] = links
    if not listing.closed:
        check_sessions([root], options.session_label, listing.sessions)
    return subjects, listing


def dealing_order(subjects: Sequence[str], listing: Listing, select: Selector, root: Path) -> list[str]:
    """Return the labels of participants in the order in which parts get them: first those with images.

    Participants whose folder cannot be listed count as having some.
    """
    having = having_images(choose(listing, select, root)[0], listing, root)
    return [*sorted(having), *sorted({*subjects} - having)]


def list_part(config: Config, part: Shard, select: Selector) -> tuple[list[str], Listing]:
    """Return the participants of a part of the dataset and what their folders hold.

    Raises
    ------
    NeuroFMError
        As :func:`list_dataset`; or no part has an image.
    """
    root, options = config.bids_dir, config.selection
    if options.index:
        indexed = read_index(options.index, root, options, part)
        if indexed.changed:
            _log.info("Folders of participants changed since the index was made: %d.", len(indexed.changed))
        return list(indexed.subjects), indexed.listing
    subjects, listing = list_dataset(root, options)
    chosen, left_out = choose(listing, select, root)
    if not chosen and not listing.closed:
        raise nothing_selected(config, listing, len(subjects), left_out)
    mine = part.of(dealing_order(subjects, listing, select, root))
    return mine, listing.of({root / f"sub-{label}" for label in mine})


def having_images(chosen: Sequence[Path], listing: Listing, root: Path) -> set[str]:
    """Return the labels of the participants with a selected image or a folder that cannot be listed."""
    return {subject_of(path, root) for path in (*chosen, *(path for path, _ in listing.closed))}


def choose(listing: Listing, selector: Selector, root: Path) -> tuple[list[Path], dict[Path, Problem]]:
    """Return the images of a dataset to be processed, and those that are left out with the reasons."""
    selected = [path for path in listing.images if selector(subject_of(path, root), path.name)]
    usable = [path for path in listing.images if name_problem(path, root) is None]
    left_out = {path: (why, "") for path, why in passed_over(selected, usable, selector).items()}
    chosen = [path for path in selected if path not in left_out]
    apart = dict.fromkeys(listing.ignored, ("in .bidsignore", "")) | dict.fromkeys(listing.unclear, NOT_LAST)
    left_out |= {path: why for path, why in apart.items() if selector(subject_of(path, root), path.name)}
    return chosen, left_out


def subject_of(path: Path, root: Path) -> str:
    """Return the label of the participant whose folder holds a path."""
    return path.relative_to(root).parts[0].removeprefix("sub-")
