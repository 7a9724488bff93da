"""Which images lie in the anat folders of a dataset, and what could not be looked into."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from neurofm_bids.bids.problems import Problem, folder_problem
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.text import printable

__all__ = ["list_images"]

_T1W = re.compile(r"T1w\.nii(\.gz)?$")


def list_images(root: Path, subjects: Sequence[str]) -> tuple[list[Path], list[tuple[Path, Problem]]]:
    """Return everything named as a T1w, and the folders that cannot be listed.

    pybids makes the index, as everywhere in the field, and its view of what a dataset is counts. It passes
    over folders named as images, over what it may not read and over names that are not UTF-8, without a
    word; these are looked up besides, since a scan must not vanish.

    Parameters
    ----------
    root
        The dataset.
    subjects
        Labels whose folders are entered; nothing else is.

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
            seen |= {path for path in folder.iterdir() if _T1W.search(path.name)}
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
    try:
        layout = BIDSLayout(root, validate=False, derivatives=False, indexer=indexer)
    except Exception as error:  # of any class: it trusts what it reads
        said = " ".join(str(error).split())
        raise NeuroFMError(
            f"pybids cannot index the dataset ({said or type(error).__name__})",
            where=root,
            fix="Mend dataset_description.json.",
            code=Exit.INVALID_BIDS,
        ) from error
    return [path for path in map(Path, layout.files) if _T1W.search(path.name)]


class _Ignored:
    """What pybids shall not enter; it asks ``search`` as it would ask a compiled pattern.

    Only ``sub-*/[ses-*/]anat/*T1w.nii[.gz]`` of the participants is left, no deeper: a link to a folder above
    would have no end. A folder that cannot be listed would end the whole index.
    """

    def __init__(self, subjects: Sequence[str], closed: AbstractSet[str]) -> None:
        self._subjects, self._closed = {f"sub-{label}" for label in subjects}, closed

    def search(self, path: str) -> bool:
        """Tell whether a path, given from the root of the dataset, is ignored."""
        first, *rest = path.strip("/").split("/")
        if not first:
            return False
        if first not in self._subjects or path in self._closed or printable(path) != path:
            return True
        if rest and rest[0].startswith("ses-"):
            rest = rest[1:]
        wanted = not rest or (rest[0] == "anat" and (len(rest) == 1 or bool(_T1W.search(rest[1]))))
        return not (wanted and len(rest) <= 2)
