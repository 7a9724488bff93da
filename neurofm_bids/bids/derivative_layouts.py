"""Where fMRIPrep, FastSurfer and other programs put the images of a scan, and how they name them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from neurofm_bids.bids.discovery import Scan
from neurofm_bids.bids.entities import is_image

__all__ = [
    "BIAS_CORRECTED",
    "MASK",
    "SPACES",
    "Kind",
    "Use",
    "best_of",
    "exists",
    "files_in",
    "folders_of",
    "freesurfer_paths",
    "is_average",
    "is_only_image",
    "places_of",
    "stem_of",
]

SPACES = {None, "T1w", "orig"}  # that of the T1w: fMRIPrep writes no entity, NiBabies T1w, BIDScoin orig
Use = Literal["mask", "bias_correction", "transform"]  # of a file of another program, as in records
_ENTITY = "[A-Za-z0-9+]+"


@dataclass(frozen=True)
class Kind:
    """A kind of image.

    Parameters
    ----------
    use
        What it is used as, in records.
    what
        What it is, in messages.
    ending
        How its name ends in a BIDS derivative, before the extension: a regular expression.
    example
        Such an ending.
    of_average
        Whether that of an average of several images serves each of them.
    of_freesurfer
        Its path in the folder that FreeSurfer and FastSurfer make for a scan; empty where there is none.
    """

    use: Use
    what: str
    ending: str
    example: str
    of_average: bool = False
    of_freesurfer: str = ""


MASK = Kind(
    "mask",
    "brain mask",
    "_desc-(?:brain|synthstrip)_mask",
    "_desc-brain_mask.nii.gz",
    of_average=True,
    of_freesurfer="mri/mask.mgz",
)
BIAS_CORRECTED = Kind(
    "bias_correction", "bias-corrected T1w", "_desc-preproc_T1w", "_desc-preproc_T1w.nii.gz"
)


def stem_of(scan: Scan) -> str:
    """Return the name of an image without suffix and extension, with which names of derivatives begin."""
    return scan.path.name.rpartition("_")[0]


def _labels(scan: Scan) -> list[str]:
    """Return the names of its participant and session."""
    return [f"sub-{scan.subject}", *([f"ses-{scan.session}"] if scan.session else [])]


def folders_of(scan: Scan, root: Path) -> list[Path]:
    """Return the folders in which images of a scan may be: that of its session, then of its participant."""
    labels = _labels(scan)
    return [root.joinpath(*labels[:count], "anat") for count in range(len(labels), 0, -1)]


def places_of(scan: Scan, root: Path) -> Iterator[tuple[Path, str]]:
    """Yield folder and beginning of the names of images: of the scan itself first, then of averages."""
    folders, labels = folders_of(scan, root), _labels(scan)
    names = ["_".join(labels[:count]) for count in range(len(labels), 0, -1)]
    yield folders[0], stem_of(scan)
    for folder in folders:
        yield from ((folder, name) for name in names if (folder, name) != (folders[0], stem_of(scan)))


def files_in(folder: Path, kind: Kind) -> list[tuple[str, str, str | None]]:
    """Return name, beginning of the name and space of the images of a kind in a folder, the best first.

    Raises
    ------
    OSError
        The folder cannot be read.
    """
    pattern = re.compile(
        rf"(?P<stem>.+?)(?:_space-(?P<space>{_ENTITY}))?(?P<res>_res-{_ENTITY})?{kind.ending}\.nii(?:\.gz)?"
    )
    try:
        names = os.listdir(folder)  # noqa: PTH208 -- fast
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = sorted(filter(None, map(pattern.fullmatch, names)), key=_preference)
    return [(match[0], match["stem"], match["space"]) for match in found]


def _preference(match: re.Match[str]) -> tuple[bool, bool, str]:
    """Return a key by which the image on the grid of the T1w precedes others."""
    return match["space"] is not None, match["res"] is not None, match[0]


def best_of(folder: Path, stem: str, kind: Kind) -> str | None:
    """Return the name of the image of a kind in the space of the T1w, None if there is none."""
    files = files_in(folder, kind)
    return next((name for name, begin, space in files if begin == stem and space in SPACES), None)


def freesurfer_paths(scan: Scan, kind: Kind, root: Path) -> list[Path]:
    """Return where FreeSurfer and FastSurfer have the image, whose folders are named by whoever runs them."""
    if not kind.of_freesurfer:
        return []
    labels = _labels(scan)
    names = [stem_of(scan), *("_".join(labels[:count]) for count in range(len(labels), 0, -1))]
    return [root / name / kind.of_freesurfer for name in dict.fromkeys(names)]


def exists(path: Path) -> bool:
    """Tell whether there is a file or link of this name.

    Raises
    ------
    OSError
        Its folder cannot be read.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def is_average(scan: Scan, stem: str) -> bool:
    """Tell whether the name of an image is that of an average: it lacks entities, or has only the labels."""
    is_short = stem == "_".join(_labels(scan)[: stem.count("_") + 1])
    return stem != stem_of(scan) or (is_short and not is_only_image(scan, stem))


def is_only_image(scan: Scan, subject: str) -> bool:
    """Tell whether a scan is the only image of its participant, or of its session if that is named."""
    labels = _labels(scan)
    top = scan.bids_dir.joinpath(*(labels if subject == "_".join(labels) else labels[:1]))
    paths = [*top.glob("anat/*"), *top.glob("ses-*/anat/*")]
    return sum(is_image(path.name) for path in paths) == 1
