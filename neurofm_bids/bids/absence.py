"""Why nothing is selected: of one participant, or at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from neurofm_bids.bids.index import Listing
from neurofm_bids.bids.problems import Problem
from neurofm_bids.config import Config, Selection
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import options_in_use
from neurofm_bids.storage.text import printable

__all__ = ["absence", "nothing_selected"]

_NOTHING = "no T1w image is selected"


def absence(
    images: Sequence[Path], left_out: Mapping[Path, str], others: Iterable[str], options: Selection
) -> Problem:
    """Return why a participant has no image that is processed, and what to do.

    Parameters
    ----------
    images
        Its images, without those in ``.bidsignore``.
    left_out
        The selected ones and those in ``.bidsignore``, with the reasons why they are not processed.
    others
        Suffixes of the other images in its folders.
    """
    if left_out:
        path, why = min(left_out.items())
        fix = "Select the image in a file for --bids-filter-file." if path in images else "Check .bidsignore."
        return f"{_NOTHING}: {why}", fix
    flags = " and ".join(options_in_use(options))
    if images:
        verb = "exclude" if " and " in flags else "excludes"
        which = "the only image" if len(images) == 1 else f"all {len(images)} images"
        return f"{_NOTHING}: {flags} {verb} {which}", f"Check {flags}."
    return f"{_NOTHING}: {_present(others)}", "Check the dataset."


def nothing_selected(
    config: Config, listing: Listing, n_participants: int, left_out: Mapping[Path, str]
) -> NeuroFMError:
    """Return the error for a selection without images: what there is, and which options are in use."""
    used = options_in_use(config.selection)
    reasons = Counter(left_out.values())
    others = {suffix for suffixes in listing.others.values() for suffix in suffixes}
    found = [
        f"images: {len(listing.images)}, participants: {n_participants}",
        *(f"left out: {count}, {why}" for why, count in sorted(reasons.items())),
        *([] if listing.images or listing.ignored else [_present(others)]),
        *([", ".join(used.values())] if used else []),
    ]
    return NeuroFMError(
        f"{_NOTHING} ({'; '.join(found)})",
        where=config.bids_dir,
        fix=f"Check {' and '.join(used)}." if used and listing.images else "Check the dataset.",
        code=Exit.NOTHING_SELECTED,
    )


def _present(suffixes: Iterable[str]) -> str:
    shown = sorted(map(printable, suffixes))[:5]
    return f"anat has {', '.join(shown)} only" if shown else "there is no image in anat"
