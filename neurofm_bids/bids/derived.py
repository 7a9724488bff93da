"""Images of a scan in derivatives of other programs: where fMRIPrep, FastSurfer and others put them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from neurofm_bids.bids.discovery import Scan
from neurofm_bids.bids.entities import is_image
from neurofm_bids.bids.problems import Problem, file_problem
from neurofm_bids.derivative_options import GivenDerivative
from neurofm_bids.storage.text import read_json, some_of

__all__ = [
    "BIAS_CORRECTED",
    "MASK",
    "DerivedFile",
    "Kind",
    "Use",
    "find_derived",
    "generator_of",
    "name_of",
]

_SPACES = {None, "T1w", "orig"}  # that of the T1w: fMRIPrep writes no entity, NiBabies T1w, BIDScoin orig
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


@dataclass(frozen=True)
class DerivedFile:
    """An image of a derivative.

    Parameters
    ----------
    use
        See :class:`Kind`.
    path
        Of the file; in memory it may be an image.
    dataset, relative
        Name of the derivative, and the path in it.
    tool
        Name and version of the program; empty where they are not known.
    transform
        ITK transform of the T1w to the space of the image; None where these are the same.
    """

    use: Use
    path: Any
    dataset: str = ""
    relative: str = ""
    tool: str = ""
    transform: Path | None = None

    @property
    def files(self) -> Iterator[tuple[Use, Any, str]]:
        """What each of its files is used as, its path, and its path in the derivative."""
        yield self.use, self.path, self.relative
        if self.transform:
            root = Path(str(self.path).removesuffix(self.relative))
            yield "transform", self.transform, self.transform.relative_to(root).as_posix()


def find_derived(scan: Scan, kind: Kind, derivatives: Sequence[GivenDerivative]) -> DerivedFile | Problem:
    """Return the image of a scan in the first of some derivatives that has one, or why there is none.

    Parameters
    ----------
    derivatives
        In the order in which they were given.
    """
    reasons = []
    for derivative in derivatives:
        found = _found(scan, kind, derivative)
        if isinstance(found, DerivedFile):
            problem = file_problem(found.path, kind.what)
            return (f"{problem[0]} ({derivative.name}: {found.relative})", problem[1]) if problem else found
        reasons.append(found)
    fix = f"Run that program for this scan, or leave out the option that asks for its {kind.what}."
    return "; ".join(reasons), fix


def name_of(path: Path) -> str:
    """Return a name for a derivative: that of the program that made it, or of its folder."""
    name = _generator(path).get("Name") or path.name
    return re.sub("[^A-Za-z0-9]+", "", str(name)) or "derivative"


def generator_of(path: Path) -> str:
    """Return name and version of the program that made a derivative, as far as they are known."""
    made = _generator(path)
    return " ".join(str(made[key]) for key in ("Name", "Version") if made.get(key))


def _generator(path: Path) -> dict[str, object]:
    try:
        made = read_json(path / "dataset_description.json")["GeneratedBy"][0]
        return made if isinstance(made, dict) else {}
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return {}


def _found(scan: Scan, kind: Kind, derivative: GivenDerivative) -> DerivedFile | str:
    """Return the image of a scan in one derivative, or why there is none, a sentence without full stop."""
    root, own = derivative.path, _stem(scan)
    transform = _folders(scan, root)[0] / f"{own}_from-orig_to-T1w_mode-image_xfm.txt"
    for folder, stem in _places(scan, root):
        name = _best(folder, stem, kind)
        if name is None:
            continue
        if not kind.of_average and _is_average(scan, stem):
            return f"{derivative.name} has the {kind.what} of an average of several images only ({name})"
        if kind.of_average and transform.is_file():
            return _derived(kind, derivative, folder / name, transform)
        if stem == own:
            return _derived(kind, derivative, folder / name)
        return (
            f"{derivative.name} has the {kind.what} of an average of several images ({name}), and no "
            f"transform of this image to it ({transform.name})"
        )
    for path in filter(os.path.lexists, _freesurfer_paths(scan, kind, root)):
        subject = path.relative_to(root).parts[0]
        if subject == own or _is_only_image(scan, subject):
            return _derived(kind, derivative, path)
        return (
            f"{derivative.name} has one {kind.what} ({path.relative_to(root).as_posix()}) where the dataset "
            f"has several images, and does not say of which it is; that of this image would be in {own}"
        )
    return _absent(scan, kind, derivative)


def _derived(
    kind: Kind, derivative: GivenDerivative, path: Path, transform: Path | None = None
) -> DerivedFile:
    relative = path.relative_to(derivative.path).as_posix()
    return DerivedFile(kind.use, path, derivative.name, relative, generator_of(derivative.path), transform)


def _absent(scan: Scan, kind: Kind, derivative: GivenDerivative) -> str:
    """Return what was looked for, and whether there are images in other spaces only."""
    root, own = derivative.path, _stem(scan)
    others = [
        f"{name} (space {space})"
        for folder in _folders(scan, root)
        for name, stem, space in _files(folder, kind)
        if space not in _SPACES and own.startswith(stem)
    ]
    if others:
        return (
            f"{derivative.name} has the {kind.what} in another space than that of the T1w only: "
            f"{some_of(sorted(set(others)))}"
        )
    folder = _folders(scan, root)[0].relative_to(root).as_posix()
    looked = [f"{folder}/{own}{kind.example}"]
    looked += [path.relative_to(root).as_posix() for path in _freesurfer_paths(scan, kind, root)]
    return f"{derivative.name} has no {kind.what} of this image: looked for {', '.join(looked)}"


def _stem(scan: Scan) -> str:
    """Return the name of an image without suffix and extension, with which names of derivatives begin."""
    return scan.path.name.rpartition("_")[0]


def _labels(scan: Scan) -> list[str]:
    """Return the names of its participant and session."""
    return [f"sub-{scan.subject}", *([f"ses-{scan.session}"] if scan.session else [])]


def _folders(scan: Scan, root: Path) -> list[Path]:
    """Return the folders in which images of a scan may be: that of its session, then of its participant."""
    labels = _labels(scan)
    return [root.joinpath(*labels[:count], "anat") for count in range(len(labels), 0, -1)]


def _places(scan: Scan, root: Path) -> Iterator[tuple[Path, str]]:
    """Yield folder and beginning of the names of images: of the scan itself first, then of averages."""
    folders, labels = _folders(scan, root), _labels(scan)
    names = ["_".join(labels[:count]) for count in range(len(labels), 0, -1)]
    yield folders[0], _stem(scan)
    for folder in folders:
        yield from ((folder, name) for name in names if (folder, name) != (folders[0], _stem(scan)))


def _files(folder: Path, kind: Kind) -> list[tuple[str, str, str | None]]:
    """Return name, beginning of the name and space of the images of a kind in a folder, the best first."""
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


def _best(folder: Path, stem: str, kind: Kind) -> str | None:
    """Return the name of the image of a kind in the space of the T1w, None if there is none."""
    files = _files(folder, kind)
    return next((name for name, begin, space in files if begin == stem and space in _SPACES), None)


def _freesurfer_paths(scan: Scan, kind: Kind, root: Path) -> list[Path]:
    """Return where FreeSurfer and FastSurfer have the image, whose folders are named by whoever runs them."""
    if not kind.of_freesurfer:
        return []
    labels = _labels(scan)
    names = [_stem(scan), *("_".join(labels[:count]) for count in range(len(labels), 0, -1))]
    return [root / name / kind.of_freesurfer for name in dict.fromkeys(names)]


def _is_average(scan: Scan, stem: str) -> bool:
    """Tell whether the name of an image is that of an average: it lacks entities, or has only the labels."""
    is_short = stem == "_".join(_labels(scan)[: stem.count("_") + 1])
    return stem != _stem(scan) or (is_short and not _is_only_image(scan, stem))


def _is_only_image(scan: Scan, subject: str) -> bool:
    """Tell whether a scan is the only image of its participant, or of its session if that is named."""
    labels = _labels(scan)
    top = scan.bids_dir.joinpath(*(labels if subject == "_".join(labels) else labels[:1]))
    paths = [*top.glob("anat/*"), *top.glob("ses-*/anat/*")]
    return sum(is_image(path.name) for path in paths) == 1
