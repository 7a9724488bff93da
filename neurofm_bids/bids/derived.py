"""The images of a scan in derivatives of other programs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurofm_bids.bids.derivative_layouts import (
    SPACES,
    Kind,
    Use,
    best_of,
    exists,
    files_in,
    folders_of,
    freesurfer_paths,
    is_average,
    is_only_image,
    places_of,
    stem_of,
)
from neurofm_bids.bids.description import read_description
from neurofm_bids.bids.discovery import Scan
from neurofm_bids.bids.problems import Problem, access_problem, file_problem
from neurofm_bids.named_path import NamedPath
from neurofm_bids.storage.text import some_of

__all__ = ["DerivedFile", "find_derived", "generator_of", "name_of"]


@dataclass(frozen=True)
class DerivedFile:
    """An image of a derivative.

    Parameters
    ----------
    use
        See :class:`neurofm_bids.bids.derivative_layouts.Kind`.
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


def find_derived(scan: Scan, kind: Kind, derivatives: Sequence[NamedPath]) -> DerivedFile | Problem:
    """Return the image of a scan in the first of some derivatives that has one, or why there is none.

    Parameters
    ----------
    derivatives
        In the order in which they were given.
    """
    reasons = []
    for derivative in derivatives:
        try:
            file = _file_of(scan, kind, derivative)
        except OSError as error:
            return _not_readable(error, kind, derivative)
        if isinstance(file, DerivedFile):
            return _problem(file, kind) or file
        reasons.append(file)
    fix = f"Run that program for this scan, or leave out the option that asks for its {kind.what}."
    return "; ".join(reasons), fix


def _not_readable(error: OSError, kind: Kind, derivative: NamedPath) -> Problem:
    """Return why a folder of a derivative cannot be searched."""
    path = Path(error.filename or derivative.path)
    reason, fix = access_problem(path, error, kind.what)
    return f"{reason} ({derivative.name}: {os.path.relpath(path, derivative.path)})", fix


def _problem(file: DerivedFile, kind: Kind) -> Problem | None:
    """Return why an image or its transform cannot be opened, or None."""
    for use, path, relative in file.files:
        problem = file_problem(path, kind.what if use == kind.use else use)
        if problem:
            return f"{problem[0]} ({file.dataset}: {relative})", problem[1]
    return None


def name_of(path: Path) -> str:
    """Return a name for a derivative: that of the program that made it, or of its folder."""
    name = _generator(path).get("Name") or path.name
    return re.sub("[^A-Za-z0-9]+", "", str(name)) or "derivative"


def generator_of(path: Path) -> str:
    """Return name and version of the program that made a derivative, as far as they are known."""
    made = _generator(path)
    return " ".join(str(made[key]) for key in ("Name", "Version") if made.get(key))


def _generator(path: Path) -> dict[str, object]:
    made = read_description(path).get("GeneratedBy")
    first = made[0] if isinstance(made, list) and made else {}
    return first if isinstance(first, dict) else {}


def _file_of(scan: Scan, kind: Kind, derivative: NamedPath) -> DerivedFile | str:
    """Return the image of a scan in one derivative, or why there is none, a sentence without full stop."""
    root, own = derivative.path, stem_of(scan)
    transform = folders_of(scan, root)[0] / f"{own}_from-orig_to-T1w_mode-image_xfm.txt"
    for folder, stem in places_of(scan, root):
        name = best_of(folder, stem, kind)
        if name is None:
            continue
        if not kind.of_average and is_average(scan, stem):
            return f"{derivative.name} has the {kind.what} of an average of several images only ({name})"
        if kind.of_average and exists(transform):
            return _derived(kind, derivative, folder / name, transform)
        if stem == own:
            return _derived(kind, derivative, folder / name)
        return (
            f"{derivative.name} has the {kind.what} of an average of several images ({name}), and no "
            f"transform of this image to it ({transform.name})"
        )
    for path in filter(exists, freesurfer_paths(scan, kind, root)):
        subject = path.relative_to(root).parts[0]
        if subject == own or is_only_image(scan, subject):
            return _derived(kind, derivative, path)
        return (
            f"{derivative.name} has one {kind.what} ({path.relative_to(root).as_posix()}) where the dataset "
            f"has several images, and does not say of which it is; that of this image would be in {own}"
        )
    return _absent(scan, kind, derivative)


def _derived(kind: Kind, derivative: NamedPath, path: Path, transform: Path | None = None) -> DerivedFile:
    relative = path.relative_to(derivative.path).as_posix()
    return DerivedFile(kind.use, path, derivative.name, relative, generator_of(derivative.path), transform)


def _absent(scan: Scan, kind: Kind, derivative: NamedPath) -> str:
    """Return what was looked for, and whether there are images in other spaces only."""
    root, own = derivative.path, stem_of(scan)
    others = [
        f"{name} (space {space})"
        for folder in folders_of(scan, root)
        for name, stem, space in files_in(folder, kind)
        if space not in SPACES and own.startswith(stem)
    ]
    if others:
        return (
            f"{derivative.name} has the {kind.what} in another space than that of the T1w only: "
            f"{some_of(sorted(set(others)))}"
        )
    folder = folders_of(scan, root)[0].relative_to(root).as_posix()
    looked = [f"{folder}/{own}{kind.example}"]
    looked += [path.relative_to(root).as_posix() for path in freesurfer_paths(scan, kind, root)]
    return f"{derivative.name} has no {kind.what} of this image: looked for {', '.join(looked)}"
