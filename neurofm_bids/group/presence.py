"""Whether the images of processed scans are in the dataset, and not excluded from it since."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path

from neurofm_bids.bids.entities import scan_stem
from neurofm_bids.bids.index import list_images
from neurofm_bids.bids.link import other_source
from neurofm_bids.bids.names import REPORT, Derivatives
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.records.scan import Identity
from neurofm_bids.storage.text import printable, some_of

__all__ = ["absent_images", "check_participants", "excluded_images", "ignored_images"]


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


def absent_images(scans: Sequence[Identity], out: Derivatives, bids_dir: Path) -> str:
    """Return a sentence on the scans whose images are not in the dataset, where those of others are.

    Raises
    ------
    NeuroFMError
        None is, and the outputs link another dataset.
    """
    gone = [scan for scan in scans if not os.path.lexists(bids_dir / scan.path)]
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
