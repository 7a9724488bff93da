"""The T1-weighted images of a dataset that a run selects, and those that cannot be used."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

from neurofm_bids.bids.filters import entities_of, selector
from neurofm_bids.bids.index import list_images
from neurofm_bids.bids.names import t1w_stem
from neurofm_bids.bids.problems import Problem, file_problem, folder_problem, name_problem
from neurofm_bids.bids.sidecars import read_metadata
from neurofm_bids.config import Config
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import options_in_use
from neurofm_bids.storage.text import printable, read_json

__all__ = ["Refused", "Scan", "Selection", "find_scans", "scan_at"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scan:
    """One T1w image.

    Parameters
    ----------
    path
        Absolute path, symbolic links not resolved.
    bids_dir
        Root of its dataset.
    subject, session
        Labels without prefix.
    entities
        Key and value pairs in the order of the file name.
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
        """File name without ``_T1w`` and extension."""
        return t1w_stem(self.path.name)

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
    """An image or a participant that cannot be used, and why."""

    path: Path
    scan: Scan | None
    reason: str
    fix: str


@dataclass(frozen=True)
class Selection:
    """The scans that the options select, and those that were refused."""

    scans: tuple[Scan, ...]
    refused: tuple[Refused, ...]


def find_scans(config: Config) -> Selection:
    """Return the selected T1w images of the dataset.

    Raises
    ------
    NeuroFMError
        There is no dataset (66, 16), a label does not exist, or nothing is selected (18).
    """
    root, selection = config.bids_dir, config.selection
    _check_dataset(config)
    subjects, closed = _subjects(root, selection.participant_label)
    listed, unlisted = list_images(root, subjects)
    closed += unlisted
    is_selected = selector(selection)
    selected = [path for path in listed if is_selected(_subject(path, root), t1w_stem(path.name))]
    if not selected and not closed:
        raise _nothing_selected(config, len(listed), len(subjects))
    refused = [_refused(path, root, problem) for path, problem in closed]
    refused += _without_scans(root, subjects, [*selected, *(path for path, _ in unlisted)])
    examined = _examined(selected, root)
    scans = tuple(scan for scan in examined if isinstance(scan, Scan))
    return Selection(scans, (*refused, *(bad for bad in examined if isinstance(bad, Refused))))


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


def _check_dataset(config: Config) -> None:
    root, path = config.bids_dir, config.bids_dir / "dataset_description.json"
    if not root.is_dir():
        raise NeuroFMError("dataset not found", where=root, fix="Check the path.", code=Exit.NO_INPUT)
    problem = folder_problem(root)
    if problem is not None:
        raise NeuroFMError(problem[0], where=root, fix=problem[1], code=Exit.NO_INPUT)
    if config.selection.skip_bids_validation and (path.is_file() or not os.path.lexists(path)):
        return
    try:
        what = _description_problem(read_json(path))
    except (OSError, ValueError):
        what = "dataset_description.json is missing or not valid JSON"
    if what:
        raise NeuroFMError(
            f"this is not a raw BIDS dataset: {what}",
            where=root,
            fix="Fix it, or use --skip-bids-validation.",
            code=Exit.INVALID_BIDS,
        )


def _nothing_selected(config: Config, n_images: int, n_participants: int) -> NeuroFMError:
    """Return the error for a selection without images, with what was found and which options were in use."""
    used = ", ".join(options_in_use(config.selection))
    found = f"{n_images} in {n_participants} participants" + (f"; {used}" if used else "")
    return NeuroFMError(
        f"no T1w image is selected ({found})",
        where=config.bids_dir,
        fix=f"Check the {'options' if n_images else 'dataset'}.",
        code=Exit.NOTHING_SELECTED,
    )


def _description_problem(description: Any) -> str:
    if not isinstance(description, dict) or not {"Name", "BIDSVersion"} <= set(description):
        return "dataset_description.json lacks Name or BIDSVersion"
    if description.get("DatasetType", "raw") != "raw":
        return "its DatasetType is not raw"
    return ""


def _subjects(root: Path, labels: Sequence[str]) -> tuple[list[str], list[tuple[Path, Problem]]]:
    """Return the selected labels, and the selected participants that are symbolic links to no folder."""
    paths = {path.name[4:]: path for path in sorted(root.glob("sub-*"))}
    existing = {label: None for label, path in paths.items() if path.is_dir()}
    links = _broken_links(path for label, path in paths.items() if label in (labels or paths))
    _check_labels(labels, {*existing, *(path.name[4:] for path, _ in links)}, root)
    _warn_of_twins(list(existing))
    return [label for label in labels or existing if label in existing], links


def _broken_links(paths: Iterable[Path]) -> list[tuple[Path, Problem]]:
    links = [(path, file_problem(path)) for path in paths if path.is_symlink() and not path.is_dir()]
    return [(path, problem) for path, problem in links if problem is not None]


def _check_labels(labels: Sequence[str], existing: Set[str], root: Path) -> None:
    unknown = [printable(label) for label in labels if label not in existing]
    if unknown:
        raise NeuroFMError(
            f"no such participant: {', '.join(unknown)}",
            where=root,
            fix="Check --participant-label.",
            code=Exit.NOTHING_SELECTED,
        )


def _warn_of_twins(labels: Sequence[str]) -> None:
    for _, group in groupby(sorted(labels, key=str.lower), key=str.lower):
        twins = [f"sub-{printable(label)}" for label in group]
        if len(twins) > 1:
            _log.warning("participant labels differ only in case: %s", ", ".join(twins))


def _subject(path: Path, root: Path) -> str:
    return path.relative_to(root).parts[0].removeprefix("sub-")


def _scan(path: Path, root: Path) -> Scan:
    entities = entities_of(t1w_stem(path.name))
    return Scan(path, root, _subject(path, root), entities.get("ses"), tuple(entities.items()))


def _examined(images: Sequence[Path], root: Path) -> list[Scan | Refused]:
    """Return each image as a scan with its metadata, or as refused."""
    cache: dict[Path, list[Path]] = {}
    first: dict[tuple[Path, str], str] = {}
    examined: list[Scan | Refused] = []
    for path in sorted(images):
        scan = _scan(path, root)
        other = first.setdefault((path.parent, scan.stem), path.name)
        problem = name_problem(path, root) or _twin_problem(path, other) or file_problem(path)
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
    shown = root.joinpath(*map(printable, path.relative_to(root).parts))
    scan = _scan(shown, root)
    short = scan.subject.encode()[:200].decode(errors="ignore")
    return Refused(shown, replace(scan, subject=short), *problem)


def _without_scans(root: Path, subjects: Sequence[str], images: Sequence[Path]) -> list[Refused]:
    having = {path.relative_to(root).parts[0] for path in images}
    names = [f"sub-{label}" for label in subjects if f"sub-{label}" not in having]
    return [
        Refused(root / printable(name), None, "no T1w image is selected", "Check the dataset.")
        for name in names
    ]
