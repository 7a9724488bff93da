"""The images in the folders of participants, and the folders that cannot be listed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from neurofm_bids.bids.bidsignore import read_bidsignore
from neurofm_bids.bids.entities import EXTENSIONS, goes_on, is_hidden, is_image
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
    unclear
        Images whose names go on after T1w or UNIT1, without those that ``.bidsignore`` excludes.
    closed
        Folders that cannot be listed.
    others
        Suffixes of the other images in ``anat``, by folder of the participant or session; None where there
        is no ``anat``.
    """

    images: list[Path] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)
    unclear: list[Path] = field(default_factory=list)
    closed: list[tuple[Path, Problem]] = field(default_factory=list)
    others: dict[Path, set[str] | None] = field(default_factory=dict)

    @property
    def sessions(self) -> set[str]:
        """Labels of the sessions."""
        return {path.name.removeprefix("ses-") for path in self.others if path.name.startswith("ses-")}

    def of(self, folders: Set[Path]) -> Listing:
        """Return what these folders of participants hold."""
        depth = len(min(folders).parts) if folders else 0

        def is_in(path: Path) -> bool:
            return depth > 0 and Path(*path.parts[:depth]) in folders

        return Listing(
            list(filter(is_in, self.images)),
            list(filter(is_in, self.ignored)),
            list(filter(is_in, self.unclear)),
            [(path, problem) for path, problem in self.closed if is_in(path)],
            {path: suffixes for path, suffixes in self.others.items() if is_in(path)},
        )

    def and_of(self, other: Listing) -> Listing:
        """Return what the folders of two listings hold."""
        return Listing(
            sorted(self.images + other.images),
            self.ignored + other.ignored,
            self.unclear + other.unclear,
            self.closed + other.closed,
            self.others | other.others,
        )


def list_images(root: Path, subjects: Sequence[str]) -> Listing:
    """Return what is in ``sub-*/[ses-*/]anat``, and images that lie elsewhere but are meant to be there.

    These are images beside ``anat``, in a folder such as ``Anat`` and, if there is no other image, in any
    folder beside or in ``anat``. No folder is searched deeper: a link to a parent folder would never end.

    Parameters
    ----------
    root
        The dataset.
    subjects
        Labels of the participants whose folders are searched.
    """
    search = _Search(root, Listing(), read_bidsignore(root))
    for label in subjects:
        subject = root / f"sub-{label}"
        names = search.names(subject)
        sessions = [name for name in names if name.startswith("ses-")]
        search.visit(subject, [name for name in names if name not in sessions])
        for name in sessions:
            search.visit(subject / name, search.names(subject / name))
    search.listing.images.sort()
    return search.listing


@dataclass(frozen=True)
class _Search:
    root: Path
    listing: Listing
    is_ignored: Callable[[str], bool]

    def visit(self, place: Path, names: Sequence[str]) -> None:
        """List the images of a participant or session, whose folder has these names."""
        contents = {name: self.names(place / name) for name in names if _is_anat(name)}
        anat = contents.get("anat")
        self.listing.others[place] = None if anat is None else set(filter(None, map(_other, anat)))
        found = [self._add(place, names), *(self._add(place / name, contents[name]) for name in contents)]
        if not any(found):
            inside = [place / folder / name for folder in contents for name in contents[folder]]
            for folder in (*(place / name for name in names if not _is_anat(name)), *inside):
                self._look_into(folder)

    def names(self, folder: Path) -> list[str]:
        """Return what is in a folder, without hidden files such as those of macOS; note a closed one."""
        try:
            return _names(folder)
        except OSError:
            problem = folder_problem(folder)
            if problem is not None:
                self.listing.closed.append((folder, problem))
            return []

    def _look_into(self, folder: Path) -> None:
        """Add what is in a folder and in its ``anat``, if it can be listed."""
        try:
            names = _names(folder)
            self._add(folder, names)
            for name in filter(_is_anat, names):
                self._add(folder / name, _names(folder / name))
        except OSError:
            return

    def _add(self, folder: Path, names: Iterable[str]) -> bool:
        """Add the images among these names; return whether there are any."""
        place = folder.relative_to(self.root).as_posix()
        found = [name for name in names if is_image(name) or goes_on(name)]
        for name in found:
            is_ignored = self.is_ignored(f"{place}/{name}")
            if is_image(name):
                (self.listing.ignored if is_ignored else self.listing.images).append(folder / name)
            elif not is_ignored:
                self.listing.unclear.append(folder / name)
        return bool(found)


def _is_anat(name: str) -> bool:
    return name.lower() == "anat"


def _other(name: str) -> str:
    """Return the suffix of an image that is no T1w or UNIT1 image; empty for other files."""
    is_other = name.endswith(EXTENSIONS) and not is_image(name) and not goes_on(name)
    return name.split(".")[0].rsplit("_", 1)[-1] if is_other else ""


def _names(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not is_hidden(name))  # noqa: PTH208 -- fast
