"""The images in the anat folders of a dataset, and the folders that cannot be listed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from neurofm_bids.bids.names import T1W
from neurofm_bids.bids.problems import Problem, folder_problem
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.plain import plain_name
from neurofm_bids.storage.text import printable

__all__ = ["list_images"]

_INDEXED = re.compile(rf"(sub-[^/]*)(/ses-[^/]*)?(/anat(/[^/]*{T1W.pattern})?)?")


def list_images(root: Path, subjects: Sequence[str]) -> tuple[list[Path], list[tuple[Path, Problem]]]:
    """Return everything named as a T1w image, and the folders that cannot be listed.

    The index of pybids defines which images a dataset has. It silently skips folders named as images,
    folders without read permission and names that are not UTF-8; these are added, so that no scan is lost.

    Parameters
    ----------
    root
        The dataset.
    subjects
        Labels of the participants whose folders are searched.

    Raises
    ------
    NeuroFMError
        pybids cannot index the dataset at all.
    """
    seen: set[Path] = set()
    closed: list[tuple[Path, Problem]] = []
    for folder in (folder for label in subjects for folder in _folders(root / f"sub-{label}")):
        problem = folder_problem(folder)
        if problem is not None:
            closed.append((folder, problem))
        elif folder.name == "anat" and folder.is_dir():
            seen |= {path for path in folder.iterdir() if T1W.search(path.name)}
    indexed = _indexed(root, subjects, [path for path, _ in closed])
    return sorted(seen.union(indexed)), closed


def _folders(subject: Path) -> Iterator[Path]:
    yield subject
    for path in sorted(subject.iterdir()) if folder_problem(subject) is None else ():
        if path.name == "anat":
            yield path
        elif path.name.startswith("ses-"):
            yield path
            if os.path.lexists(path / "anat"):
                yield path / "anat"


def _indexed(root: Path, subjects: Sequence[str], closed: Sequence[Path]) -> list[Path]:
    from bids.layout import BIDSLayout, BIDSLayoutIndexer

    ignored = _Ignored(subjects, {f"/{path.relative_to(root).as_posix()}" for path in closed})
    indexer = BIDSLayoutIndexer(validate=False, index_metadata=False, ignore=[ignored])
    with plain_name(root) as plain:
        try:
            layout = BIDSLayout(plain, validate=False, derivatives=False, indexer=indexer)
        except Exception as error:  # of any class: pybids does not check what it reads
            reason = " ".join(str(error).replace(str(plain), str(root)).split())
            raise NeuroFMError(
                f"pybids cannot index the dataset ({reason or type(error).__name__})",
                where=root,
                fix="Check it with the BIDS validator.",
                code=Exit.INVALID_BIDS,
            ) from error
    return [root / Path(path).relative_to(plain) for path in layout.files if T1W.search(path)]


class _Ignored:
    """Paths that pybids ignores; it calls ``search`` as it would that of a compiled pattern.

    Only ``sub-*/[ses-*/]anat/*T1w.nii[.gz]`` of the participants is left, no deeper: a symbolic link to a
    parent folder would never end. A folder that cannot be listed would stop the whole index.
    """

    def __init__(self, subjects: Sequence[str], closed: AbstractSet[str]) -> None:
        self._subjects, self._closed = {f"sub-{label}" for label in subjects}, closed

    def search(self, path: str) -> bool:
        """Tell whether a path, given from the root of the dataset, is ignored."""
        if not path.strip("/"):
            return False
        match = _INDEXED.fullmatch(path.strip("/"))
        outside = match is None or match.group(1) not in self._subjects
        return outside or path in self._closed or printable(path) != path
