"""BIDS in: every T1-weighted image of a dataset that a run selects, and those that cannot be used."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from neurofm_bids.bids.sidecars import read_metadata
from neurofm_bids.config import Config
from neurofm_bids.errors import Exit, NeuroFMError

__all__ = ["Refused", "Scan", "Selection", "find_scans", "parse_labels", "read_filter_file"]

_ENTITIES = {
    "subject": "sub",
    "session": "ses",
    "acquisition": "acq",
    "ceagent": "ce",
    "reconstruction": "rec",
    "run": "run",
    "echo": "echo",
    "part": "part",
    "chunk": "chunk",
}
_NOT_FILTERED = {"datatype": "anat", "suffix": "T1w"}
_ANNEX = b"/annex/objects/"


@dataclass(frozen=True)
class Scan:
    """One T1w image.

    Parameters
    ----------
    path
        Where it was found, absolute, links not resolved.
    bids_dir
        Root of its dataset.
    subject, session
        Labels without prefix.
    entities
        Key and value pairs in the order of the file name.
    metadata
        Its JSON metadata, inherited ones included.
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
        return self.path.name.split(".")[0].removesuffix("_T1w")

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
    """An image, or a participant without images, that cannot be used, and why."""

    path: Path
    scan: Scan | None
    reason: str
    fix: str


@dataclass(frozen=True)
class Selection:
    """What the options select."""

    scans: tuple[Scan, ...]
    refused: tuple[Refused, ...]


def parse_labels(values: Sequence[str]) -> tuple[str, ...]:
    """Return labels without prefix from labels with or without it, or from files with one per line."""
    labels: list[str] = []
    for value in values:
        path = Path(value)
        lines = path.read_text(encoding="utf-8-sig").split() if path.is_file() else [value]
        labels += [re.sub(r"^(sub|ses)-", "", line) for line in lines]
    return tuple(dict.fromkeys(labels))


def read_filter_file(path: Path) -> tuple[tuple[str, Any], ...]:
    """Return the filters of the ``t1w`` section of a BIDS filter file.

    Raises
    ------
    NeuroFMError
        The file is not JSON, or has a key that BIDS does not know.
    """
    try:
        filters = json.loads(path.read_text(encoding="utf-8-sig")).get("t1w", {})
        items = tuple(sorted(filters.items()))
    except (OSError, ValueError, AttributeError) as error:
        raise NeuroFMError(
            f"the filter file cannot be read ({error})", where=path, code=Exit.USAGE
        ) from error
    unknown = [key for key, _ in items if key not in _ENTITIES and key not in _NOT_FILTERED]
    if unknown:
        raise NeuroFMError(
            f"unknown filter {', '.join(unknown)}",
            where=path,
            fix=f"Known are {', '.join(_ENTITIES)}.",
            code=Exit.USAGE,
        )
    return tuple((key, value) for key, value in items if key in _ENTITIES)


def find_scans(config: Config) -> Selection:
    """Return the selected T1w images of the dataset.

    Raises
    ------
    NeuroFMError
        There is no dataset (66, 16), a label does not exist, or nothing is selected (18).
    """
    root = config.bids_dir
    _check_dataset(config)
    subjects = _subjects(root, config.participant_label)
    found = [path for path in _index(root, subjects) if _selected(path, config)]
    cache: dict[Path, list[Path]] = {}
    scans, refused = [], _without_scans(root, subjects, found)
    for path in sorted(found):
        scan = _scan(path, root)
        problem = _problem(path)
        if problem is None:
            try:
                scans.append(_scan(path, root, read_metadata(path, root, cache)))
            except NeuroFMError as error:
                problem = (error.what, error.fix)
        if problem is not None:
            refused.append(Refused(path, scan, *problem))
    if not found:
        raise NeuroFMError(
            "no T1w image is selected",
            where=root,
            fix="Check labels and filters.",
            code=Exit.NOTHING_SELECTED,
        )
    return Selection(tuple(scans), tuple(refused))


def _check_dataset(config: Config) -> None:
    root, path = config.bids_dir, config.bids_dir / "dataset_description.json"
    if not root.is_dir():
        raise NeuroFMError("there is no such dataset", where=root, fix="Check the path.", code=Exit.NO_INPUT)
    if config.skip_bids_validation:
        return
    try:
        description = json.loads(path.read_text(encoding="utf-8-sig"))
        problem = _description_problem(description)
    except (OSError, ValueError):
        problem = "dataset_description.json is missing or not valid JSON"
    if problem:
        raise NeuroFMError(
            f"this is not a raw BIDS dataset: {problem}",
            where=root,
            fix="Mend it, or use --skip-bids-validation.",
            code=Exit.INVALID_BIDS,
        )


def _description_problem(description: Any) -> str:
    if not isinstance(description, dict) or not {"Name", "BIDSVersion"} <= set(description):
        return "dataset_description.json lacks Name or BIDSVersion"
    if description.get("DatasetType", "raw") != "raw":
        return "its DatasetType is not raw"
    return ""


def _subjects(root: Path, labels: Sequence[str]) -> list[str]:
    there = sorted(e.name[4:] for e in os.scandir(root) if e.name.startswith("sub-") and e.is_dir())
    unknown = [label for label in labels if label not in there]
    if unknown:
        raise NeuroFMError(
            f"no such participant: {', '.join(unknown)}",
            where=root,
            fix="Check --participant-label.",
            code=Exit.NOTHING_SELECTED,
        )
    return list(labels) or there


def _index(root: Path, subjects: Sequence[str]) -> list[Path]:
    """Index the images with pybids, entering nothing but the anat folders of the participants."""
    from bids.layout import BIDSLayout, BIDSLayoutIndexer

    wanted = {f"sub-{label}" for label in subjects}
    others = [e.name for e in os.scandir(root) if e.name not in wanted]
    ignore = [re.compile(rf"^/{re.escape(name)}(/|$)") for name in others] if len(others) < 50 else []
    if not ignore:
        names = "|".join(re.escape(name) for name in sorted(wanted))
        ignore = [re.compile(rf"^/(?!(?:{names})(?:/|$)).")]
    ignore.append(re.compile(r"^/sub-[^/]+/(?:ses-[^/]+/)?(?!anat(?:/|$)|ses-)[^/]+(/|$)"))
    ignore.append(re.compile(r"/anat/(?!.*_T1w\.nii(\.gz)?$).+"))
    indexer = BIDSLayoutIndexer(validate=False, index_metadata=False, ignore=ignore)
    layout = BIDSLayout(root, validate=False, derivatives=False, indexer=indexer)
    names_of = (Path(name) for name in layout.files)
    return [p for p in names_of if re.search(r"_T1w\.nii(\.gz)?$", p.name) and p.parent.name == "anat"]


def _scan(path: Path, root: Path, metadata: Mapping[str, Any] | None = None) -> Scan:
    parts = path.name.split(".")[0].split("_")[:-1]
    entities = tuple((key, value) for key, _, value in (part.partition("-") for part in parts))
    known = dict(entities)
    return Scan(path, root, known.get("sub", ""), known.get("ses"), entities, metadata or {})


def _selected(path: Path, config: Config) -> bool:
    entities = dict(_scan(path, config.bids_dir).entities)
    if config.session_label and entities.get("ses") not in config.session_label:
        return False
    return all(_matches(entities.get(_ENTITIES[key]), wanted) for key, wanted in config.bids_filter)


def _matches(value: str | None, wanted: Any) -> bool:
    if wanted in {"*", "Query.ANY"} if isinstance(wanted, str) else False:
        return value is not None
    if wanted is None or wanted == "Query.NONE":
        return value is None
    options = wanted if isinstance(wanted, list) else [wanted]
    return value is not None and any(_same(value, str(option)) for option in options)


def _same(value: str, wanted: str) -> bool:
    wanted = re.sub(r"^(sub|ses)-", "", wanted)
    return value == wanted or (value.isdigit() and wanted.isdigit() and int(value) == int(wanted))


def _without_scans(root: Path, subjects: Sequence[str], found: Sequence[Path]) -> list[Refused]:
    having = {path.relative_to(root).parts[0] for path in found}
    names = [f"sub-{label}" for label in subjects if f"sub-{label}" not in having]
    return [Refused(root / name, None, "no T1w image is selected", "Check the dataset.") for name in names]


def _problem(path: Path) -> tuple[str, str] | None:
    fetch = ("the image has not been fetched", f"Run: datalad get {path}")
    if not path.exists():
        return fetch
    if not path.is_file():
        return ("this is not a file", "Check the dataset.")
    size = path.stat().st_size
    if size == 0:
        return ("the file is empty", "Copy the image again.")
    if size < 1024 and _ANNEX in path.read_bytes():
        return fetch
    return None
