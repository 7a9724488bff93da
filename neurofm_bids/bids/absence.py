"""Why nothing is selected: of a participant, of a session, or at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from pathlib import Path

from neurofm_bids.bids.filters import Selector
from neurofm_bids.bids.index import Listing
from neurofm_bids.bids.problems import Problem
from neurofm_bids.config import Config, Selection
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import options_in_use
from neurofm_bids.storage.text import printable, some_of

__all__ = ["absence", "empty_participants", "empty_sessions", "nothing_selected"]

_NOTHING = "no T1w image is selected"
_CHECK = "Check the dataset."


def absence(
    images: Sequence[Path],
    left_out: Mapping[Path, Problem],
    others: Iterable[Set[str] | None],
    options: Selection,
) -> Problem:
    """Return why a participant or session has no image that is processed, and what to do.

    Parameters
    ----------
    images
        Its images, without those in ``.bidsignore``.
    left_out
        What is not processed of the selected ones and of those that are listed apart, with the reasons.
    others
        Suffixes of the other images in each ``anat``, as in :class:`neurofm_bids.bids.index.Listing`.
    """
    if left_out:
        path, (why, fix) = min(left_out.items())
        asked = "Select the image in a file for --bids-filter-file."
        return f"{_NOTHING}: {why}", fix or (asked if path in images else "Check .bidsignore.")
    flags = " and ".join(options_in_use(options))
    if images:
        verb = "exclude" if " and " in flags else "excludes"
        which = "the only image" if len(images) == 1 else f"all {len(images)} images"
        return f"{_NOTHING}: {flags} {verb} {which}", f"Check {flags}."
    return f"{_NOTHING}: {_present(others)}", _CHECK


def empty_participants(
    folders: Sequence[Path], listing: Listing, left_out: Mapping[Path, Problem], options: Selection
) -> dict[Path, Problem]:
    """Return why each of these participants, given by their folders, has no image that is processed."""
    images, over, places = (
        _by_folder(paths, folders) for paths in (listing.images, left_out, listing.others)
    )
    return {
        folder: absence(
            images[folder],
            {path: left_out[path] for path in over[folder]},
            [listing.others[place] for place in places[folder]],
            options,
        )
        for folder in folders
    }


def empty_sessions(
    listing: Listing, left_out: Iterable[Path], empty: Collection[Path], selector: Selector
) -> dict[Path, Problem]:
    """Return why each selected session without an image has none, but for participants without any.

    Parameters
    ----------
    left_out
        Images that are not processed.
    empty
        Folders of participants without images.
    """
    folders = {path.parent for path in (*listing.images, *left_out)}
    having = {place for folder in folders for place in (folder, *folder.parents)}
    closed = {folder for path, _ in listing.closed for folder in (path, path.parent)}
    return {
        place: absence([], {}, [others], Selection())
        for place, others in listing.others.items()
        if place.name.startswith("ses-")
        and selector.has_session(place.name.removeprefix("ses-"))
        and place not in having
        and place not in closed
        and place.parent not in empty
    }


def nothing_selected(
    config: Config, listing: Listing, n_participants: int, left_out: Mapping[Path, Problem]
) -> NeuroFMError:
    """Return the error for a selection without images: what there is, and which options are in use."""
    used = options_in_use(config.selection)
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for path, (why, _) in sorted(left_out.items()):
        reasons[why].append(printable(path.name))
    found = [
        f"images: {len(listing.images)}, participants: {n_participants}",
        *(f"left out: {some_of(names)}: {why}" for why, names in sorted(reasons.items())),
        *([] if listing.images or listing.ignored or left_out else [_present(listing.others.values())]),
        *([", ".join(used.values())] if used else []),
    ]
    fixes = [fix for _, fix in left_out.values() if fix]
    return NeuroFMError(
        f"{_NOTHING} ({'; '.join(found)})",
        where=config.bids_dir,
        fix=f"Check {' and '.join(used)}." if used and listing.images else next(iter(fixes), _CHECK),
        code=Exit.NOTHING_SELECTED,
    )


def _present(others: Iterable[Set[str] | None]) -> str:
    """Return what the folders anat have."""
    folders = [suffixes for suffixes in others if suffixes is not None]
    shown = sorted({printable(suffix) for suffixes in folders for suffix in suffixes})[:5]
    if shown:
        return f"anat has {', '.join(shown)} only"
    return "there is no image in anat" if folders else "there is no folder anat"


def _by_folder(paths: Iterable[Path], folders: Sequence[Path]) -> defaultdict[Path, list[Path]]:
    """Return the paths in each of the folders of participants."""
    grouped: defaultdict[Path, list[Path]] = defaultdict(list)
    depth = len(folders[0].parts) if folders else 0
    for path in paths if folders else ():
        grouped[Path(*path.parts[:depth])].append(path)
    return grouped
