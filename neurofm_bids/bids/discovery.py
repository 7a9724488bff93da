"""The images of a dataset that a run selects, those that are left out, and those that cannot be used."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from neurofm_bids.bids.absence import empty_participants, empty_sessions, nothing_selected
from neurofm_bids.bids.description import description_problem
from neurofm_bids.bids.entities import entities_of, scan_stem
from neurofm_bids.bids.filters import selector
from neurofm_bids.bids.parts import choose, having_images, list_dataset, list_part, subject_of
from neurofm_bids.bids.problems import Problem, file_problem, folder_problem, name_problem
from neurofm_bids.bids.sidecars import read_metadata
from neurofm_bids.config import Config
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.text import printable

__all__ = [
    "Refused",
    "Scan",
    "Selection",
    "find_scans",
    "scan_at",
]


@dataclass(frozen=True)
class Scan:
    """One T1w or UNIT1 image.

    Parameters
    ----------
    path
        Absolute path, symbolic links not resolved.
    bids_dir
        Root of its dataset.
    subject, session
        Labels without prefix.
    entities
        Key and value pairs of its stem, in order.
    metadata
        Metadata from JSON sidecars, including inherited ones.
    """

    path: Path
    bids_dir: Path
    subject: str
    session: str | None
    entities: tuple[tuple[str, str], ...]
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def stem(self) -> str:
        """What the names of its outputs begin with (:func:`neurofm_bids.bids.entities.scan_stem`)."""
        return scan_stem(self.path.name)

    @property
    def relative(self) -> PurePosixPath:
        """Path under the dataset."""
        return PurePosixPath(self.path.relative_to(self.bids_dir).as_posix())

    @property
    def uri(self) -> str:
        """BIDS URI in the dataset linked as ``raw``."""
        return f"bids:raw:{self.relative}"


@dataclass(frozen=True)
class Refused:
    """An image, a session or a participant that is not processed, and why."""

    path: Path
    scan: Scan | None
    reason: str
    fix: str = ""

    @property
    def where(self) -> str:
        """Path under the dataset."""
        return str(self.scan.relative) if self.scan else self.path.name


@dataclass(frozen=True)
class Selection:
    """What the options select.

    Parameters
    ----------
    scans
        To be processed.
    refused
        What cannot be used, and counts as failed; also participants without images who were named.
    skipped
        Images that are left out, and participants and sessions without images.
    excluded
        Paths under the dataset of other images of the participants: labels and filters exclude them.
    """

    scans: tuple[Scan, ...]
    refused: tuple[Refused, ...]
    skipped: tuple[Refused, ...] = ()
    excluded: tuple[str, ...] = ()


def find_scans(config: Config) -> Selection:
    """Return the selected T1w and UNIT1 images of the dataset, or of the part of it that is asked for.

    Raises
    ------
    NeuroFMError
        There is no dataset (66, 16), a label does not exist, nothing is selected (18), or the index cannot be
        used.
    """
    root, options = config.bids_dir, config.selection
    check_dataset(config)
    select = selector(options)
    part = options.shard
    subjects, listing = list_part(config, part, select) if part else list_dataset(root, options)
    chosen, left_out = choose(listing, select, root)
    if not chosen and not listing.closed and not part:
        raise nothing_selected(config, listing, len(subjects), left_out)
    examined = _examined(chosen, root)
    refused = [_refused(path, root, problem) for path, problem in listing.closed]
    refused += [bad for bad in examined if isinstance(bad, Refused)]
    skipped = [_refused(path, root, problem) for path, problem in left_out.items()]
    having = having_images(chosen, listing, root)
    folders = [root / f"sub-{label}" for label in subjects if label not in having]
    empty = empty_participants(folders, listing, left_out, options)
    without = [Refused(root / printable(path.name), None, *problem) for path, problem in empty.items()]
    (refused if options.participant_label else skipped).extend(without)
    sessions = empty_sessions(listing, left_out, empty, select)
    skipped += [_refused(path, root, problem) for path, problem in sessions.items()]
    scans = tuple(scan for scan in examined if isinstance(scan, Scan))
    excluded = sorted({*listing.images} - {*chosen, *left_out})
    return Selection(scans, tuple(refused), tuple(skipped), tuple(_shown(path, root) for path in excluded))


def scan_at(path: Path) -> Scan | None:
    """Return the scan that an image of a BIDS dataset is; None for an image elsewhere.

    Raises
    ------
    NeuroFMError
        Its metadata cannot be read.
    """
    path = path.absolute()
    root = next((p for p in path.parents if (p / "dataset_description.json").is_file()), None)
    if root is None or name_problem(path, root) is not None:
        return None
    return replace(_scan(path, root), metadata=read_metadata(path, root))


def check_dataset(config: Config) -> None:
    """Raise if there is no dataset.

    Raises
    ------
    NeuroFMError
        The folder cannot be listed (66), or its description is not that of a raw dataset (16).
    """
    root, path = config.bids_dir, config.bids_dir / "dataset_description.json"
    if not root.is_dir():
        raise NeuroFMError("dataset not found", where=root, fix="Check the path.", code=Exit.NO_INPUT)
    problem = folder_problem(root)
    if problem is not None:
        raise NeuroFMError(problem[0], where=root, fix=problem[1], code=Exit.NO_INPUT)
    if config.selection.skip_bids_validation and (path.is_file() or not os.path.lexists(path)):
        return
    problem = description_problem(path)
    if problem is not None:
        raise NeuroFMError(problem[0], where=root, fix=problem[1], code=Exit.INVALID_BIDS)


def _scan(path: Path, root: Path) -> Scan:
    entities = entities_of(scan_stem(path.name))
    return Scan(path, root, subject_of(path, root), entities.get("ses"), tuple(entities.items()))


def _examined(images: Sequence[Path], root: Path) -> list[Scan | Refused]:
    """Return each image as a scan with its metadata, or as refused."""
    cache: dict[Path, list[Path]] = {}
    first: dict[tuple[Path, str], str] = {}
    examined: list[Scan | Refused] = []
    for path in sorted(images):
        scan = _scan(path, root)
        problem = name_problem(path, root)
        other = path.name if problem else first.setdefault((path.parent, scan.stem), path.name)
        problem = problem or _twin_problem(path, other) or file_problem(path)
        try:
            if problem is None:
                scan = replace(scan, metadata=read_metadata(path, root, cache))
        except NeuroFMError as error:
            problem = error.what, error.fix
        examined.append(scan if problem is None else _refused(path, root, problem))
    return examined


def _twin_problem(path: Path, other: str) -> Problem | None:
    if path.name == other:
        return None
    return f"its outputs would overwrite those of {other}", "Remove one of the two files."


def _refused(path: Path, root: Path, problem: Problem) -> Refused:
    """Return a refusal whose names are UTF-8 and short enough for the name of a report."""
    shown = root / _shown(path, root)
    scan = _scan(shown, root)
    short = scan.subject.encode()[:200].decode(errors="ignore")
    return Refused(shown, replace(scan, subject=short), *problem)


def _shown(path: Path, root: Path) -> str:
    """Return a path under the dataset as UTF-8."""
    return "/".join(map(printable, path.relative_to(root).parts))
