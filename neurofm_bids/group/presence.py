"""Whether the images of processed scans are in the dataset, and not excluded from it since."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path, PurePosixPath

from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.entities import scan_stem
from neurofm_bids.bids.filters import Selector
from neurofm_bids.bids.index import list_images
from neurofm_bids.bids.labels import unknown_participants
from neurofm_bids.bids.link import other_source
from neurofm_bids.bids.names import REPORT
from neurofm_bids.bids.parts import choose
from neurofm_bids.bids.stored import StoredScan
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.records.scan import Identity
from neurofm_bids.storage.text import printable, some_of

__all__ = [
    "abandoned_outputs",
    "absent_images",
    "check_participants",
    "excluded_images",
    "ignored_images",
    "incomplete_outputs",
    "participants_without_scan",
    "selected_images",
    "still_selected",
]


def check_participants(bids_dir: Path, subjects: Set[str]) -> None:
    """Refuse a dataset that has none of the participants.

    Raises
    ------
    NeuroFMError
        There are participants in the output folder, and none is in the dataset.
    """
    if subjects and not any(os.path.lexists(bids_dir / f"sub-{subject}") for subject in subjects):
        raise NeuroFMError(
            "none of the participants in the output folder is in the dataset",
            where=bids_dir,
            fix="Use the dataset that was processed.",
            code=Exit.NO_INPUT,
        )


def participants_without_scan(
    bids_dirs: Sequence[Path], labels: Sequence[str], having: Set[str], stems: Set[str]
) -> dict[str, str]:
    """Return why named participants have no scan among ``stems``, by participant (``sub-01``).

    Parameters
    ----------
    bids_dirs
        The datasets.
    labels
        Of the participants, without ``sub-``.
    having
        Labels that have outputs.
    stems
        Of scans, or paths of folders in a participant.

    Raises
    ------
    NeuroFMError
        None of the participants exists.
    """
    reasons = dict.fromkeys(labels, "no scan of this participant is selected")
    reasons |= unknown_participants(bids_dirs, labels, having)
    present = {re.split("[_/]", stem)[0] for stem in stems}
    return {f"sub-{label}": why for label, why in reasons.items() if f"sub-{label}" not in present}


def absent_images(scans: Sequence[Identity], out: Derivatives, bids_dir: Path) -> str:
    """Return a sentence on the scans whose images are not in the dataset, where those of others are.

    Raises
    ------
    NeuroFMError
        None is, and the outputs link another dataset.
    """
    root = str(bids_dir)
    gone = [scan for scan in scans if not os.path.lexists(os.path.join(root, scan.path))]  # noqa: PTH118 -- fast
    if gone and len(gone) < len(scans):
        outputs = list(dict.fromkeys(_outputs(gone, out, bids_dir)))
        return (
            f"The images of {len(gone)} of {len(scans)} scans are not in the dataset "
            f"({some_of([scan.path for scan in gone], printable)}): check that ages and other covariates, "
            "which are joined by the labels, belong to them. To leave these scans out, delete their outputs "
            f"in {out.out_dir}: {some_of(outputs, printable)}."
        )
    if gone and (linked := other_source(out.out_dir, bids_dir)):
        raise NeuroFMError(
            f"the scans in the output folder were processed from another dataset ({linked}), and none of "
            "their images is in this one",
            where=bids_dir,
            fix="Use the dataset that was processed.",
            code=Exit.NO_INPUT,
        )
    return ""


def _outputs(gone: Iterable[Identity], out: Derivatives, bids_dir: Path) -> Iterator[str]:
    """Yield what to delete: the folder and the report of a participant who is gone, else files of a scan."""
    for scan in gone:
        subject = scan.subject or ""
        if os.path.lexists(bids_dir / f"sub-{subject}"):
            folder = out.folder(scan).relative_to(out.out_dir).as_posix()
            yield f"{folder}/{scan.stem}_desc-{out.label}_*"
        else:
            yield f"sub-{subject}/ and {REPORT.format(subject)}"


def ignored_images(bids_dir: Path, stems: Iterable[str]) -> dict[str, str]:
    """Return the paths of images in the dataset that ``.bidsignore`` excludes, by stem, of these stems."""
    wanted = set(stems)
    ignored = list_images(bids_dir, sorted({stem.split("_")[0][4:] for stem in wanted})).ignored
    paths = {scan_stem(path.name): path.relative_to(bids_dir).as_posix() for path in ignored}
    return {stem: path for stem, path in paths.items() if stem in wanted}


def excluded_images(ignored: Mapping[str, str]) -> str:
    """Return a sentence on the scans that ``.bidsignore`` excludes, given as paths by stem; empty if none."""
    if not ignored:
        return ""
    paths = some_of(sorted(ignored.values()), printable)
    return (
        f"Scans left out of the group tables because .bidsignore of the dataset excludes their images: "
        f"{len(ignored)} ({paths})."
    )


def selected_images(bids_dir: Path, folders: Set[str], selector: Selector) -> dict[str, str]:
    """Return the stems of images that a run would select, and closed folders, by printable path.

    Parameters
    ----------
    folders
        Of the participants (``sub-01``) of which images are listed.
    """
    labels = [path.name[4:] for path in bids_dir.glob("sub-*") if printable(path.name) in folders]
    asked = [label for label in labels if not selector.participants or label in selector.participants]
    listing = list_images(bids_dir, asked)
    chosen, _ = choose(listing, selector, bids_dir)
    images = [printable(path.relative_to(bids_dir).as_posix()) for path in chosen]
    closed = [printable(path.relative_to(bids_dir).as_posix()) for path, _ in listing.closed]
    return {path: scan_stem(PurePosixPath(path).name) for path in images} | {path: path for path in closed}


def abandoned_outputs(
    stems: Iterable[str], members: Sequence[Identity], bids_dir: Path, selector: Selector
) -> set[str]:
    """Return those of some scans whose image a run would not select any more, where those of members are."""
    stems = set(stems)
    if not (stems and any(os.path.lexists(bids_dir / scan.path) for scan in members)):
        return set()
    return stems - still_selected(bids_dir, stems, selector)


def still_selected(bids_dir: Path, stems: Set[str], selector: Selector) -> set[str]:
    """Return those of some scans whose image a run would select."""
    folders = {stem.split("_")[0] for stem in stems}
    return {*selected_images(bids_dir, folders, selector).values()} & stems if folders else set()


def incomplete_outputs(scans: Sequence[StoredScan], out: Derivatives) -> str:
    """Return a sentence on incomplete outputs of scans whose images are gone; empty if there are none."""
    if not scans:
        return ""
    paths = [f"{out.folder(scan).relative_to(out.out_dir).as_posix()}/{scan.stem}_*" for scan in scans]
    return (
        f"Incomplete outputs of {len(scans)} scans are left out: no image that a run would select has their "
        f"names any more. Delete them in {out.out_dir}: {some_of(paths, printable)}."
    )
