"""A listing of a dataset in a file, made once and read by all tasks of an array.

One line of JSON per participant, after a first line on the whole; a task parses only the lines of its part.
The paths are relative to the dataset, which may lie elsewhere in a container.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurofm_bids.bids.index import Listing, list_images
from neurofm_bids.cluster_options import Shard
from neurofm_bids.config import Selection
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import options_of
from neurofm_bids.storage.atomic import write_text
from neurofm_bids.storage.text import read_text

__all__ = ["Indexed", "read_index", "write_index"]

_FORMAT = 1
_NOT_SELECTING = {"shard", "index", "skip_bids_validation"}


@dataclass(frozen=True)
class Indexed:
    """What an index holds, or a part of it.

    Parameters
    ----------
    subjects
        Labels of the participants in their order.
    listing
        What their folders hold.
    changed
        Labels of those whose folders have changed since, and were listed again.
    """

    subjects: tuple[str, ...]
    listing: Listing
    changed: tuple[str, ...] = ()


def write_index(
    path: Path, root: Path, subjects: Iterable[str], listing: Listing, options: Selection
) -> None:
    """Write what the folders of participants hold.

    Parameters
    ----------
    root
        The dataset.
    subjects
        Labels in the order in which parts are dealt.
    options
        What selected them.

    Raises
    ------
    NeuroFMError
        The file cannot be written.
    """
    grouped = _by_subject(root, listing)
    head = {"NeuroFMIndex": _FORMAT, "Selection": _selection(options)}
    entries = (_entry(root, label, grouped.get(label, Listing())) for label in subjects)
    write_text(path, "".join(json.dumps(value) + "\n" for value in (head, *entries)))


def read_index(path: Path, root: Path, options: Selection, part: Shard | None = None) -> Indexed:
    """Return what an index, or a part of it, says of a dataset.

    The folders of participants that have changed since the index was made are listed again.

    Raises
    ------
    NeuroFMError
        It is not an index, or one that other options selected.
    """
    try:
        head, *lines = read_text(path).splitlines()
        about = json.loads(head)
        if about["NeuroFMIndex"] != _FORMAT:
            raise ValueError("another version")
        entries = [json.loads(line) for line in (part.of(lines) if part else lines)]
        chosen = about["Selection"]
        subjects = tuple(entry["Participant"] for entry in entries)
        fresh = [entry for entry in entries if _versions(root, entry["Folders"]) == entry["Folders"]]
        listing = _listing(root, fresh)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error), Exit.NO_INPUT) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unusable(path, "not an index of this version", Exit.DATA) from error
    if chosen != _selection(options):
        raise NeuroFMError(
            "the index was made with other options that select scans",
            where=path,
            fix="Make it again, or use the same options.",
            code=Exit.USAGE,
        )
    known = {entry["Participant"] for entry in fresh}
    changed = tuple(label for label in subjects if label not in known)
    present = [label for label in changed if (root / f"sub-{label}").is_dir()]
    return Indexed(subjects, listing.and_of(list_images(root, present)) if changed else listing, changed)


def _unusable(path: Path, why: str, code: Exit) -> NeuroFMError:
    return NeuroFMError(
        f"the index cannot be used ({why})",
        where=path,
        fix="Make it again with neurofm-tools index.",
        code=code,
    )


def _selection(options: Selection) -> dict[str, Any]:
    """Return the options that select scans, as they are in JSON."""
    values = {f.name: getattr(options, f.name) for f, _ in options_of(Selection)}
    plain = {name: list(v) if isinstance(v, tuple) else str(v) for name, v in values.items() if v}
    return {name: value for name, value in plain.items() if name not in _NOT_SELECTING}


def _entry(root: Path, label: str, listing: Listing) -> dict[str, Any]:
    """Return the line of a participant."""
    images = (listing.images, listing.ignored, listing.unclear)
    folders = {root / f"sub-{label}", *listing.others}
    folders |= {place / "anat" for place, suffixes in listing.others.items() if suffixes is not None}
    folders |= {path.parent for paths in images for path in paths}
    return {
        "Participant": label,
        "Folders": _versions(root, sorted(_relative(folder, root) for folder in folders)),
        "Images": _paths(root, listing.images),
        "Ignored": _paths(root, listing.ignored),
        "Unclear": _paths(root, listing.unclear),
        "Closed": [[_relative(path, root), *problem] for path, problem in listing.closed],
        "Others": {
            _relative(place, root): None if suffixes is None else sorted(suffixes)
            for place, suffixes in listing.others.items()
        },
    }


def _listing(root: Path, entries: Sequence[Mapping[str, Any]]) -> Listing:
    def paths(key: str) -> list[Path]:
        return sorted(root / path for entry in entries for path in entry[key])

    others = {
        root / place: None if suffixes is None else set(suffixes)
        for entry in entries
        for place, suffixes in entry["Others"].items()
    }
    closed = [(root / path, (what, fix)) for entry in entries for path, what, fix in entry["Closed"]]
    return Listing(paths("Images"), paths("Ignored"), paths("Unclear"), closed, others)


def _versions(root: Path, folders: Iterable[str]) -> dict[str, int | None]:
    """Return when folders were last changed (ns), None for one that cannot be found."""
    return {folder: _changed(root / folder) for folder in folders}


def _changed(folder: Path) -> int | None:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return None


def _by_subject(root: Path, listing: Listing) -> dict[str, Listing]:
    """Return a listing per participant, by label."""
    grouped: dict[str, Listing] = {}

    def of(path: Path) -> Listing:
        return grouped.setdefault(path.relative_to(root).parts[0][4:], Listing())

    for path in listing.images:
        of(path).images.append(path)
    for path in listing.ignored:
        of(path).ignored.append(path)
    for path in listing.unclear:
        of(path).unclear.append(path)
    for path, problem in listing.closed:
        of(path).closed.append((path, problem))
    for place, suffixes in listing.others.items():
        of(place).others[place] = suffixes
    return grouped


def _paths(root: Path, paths: Iterable[Path]) -> list[str]:
    return [_relative(path, root) for path in paths]


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
