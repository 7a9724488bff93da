"""Labels of participants and sessions: those that the options give, and those of the dataset."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Sequence, Set
from difflib import get_close_matches
from itertools import groupby
from pathlib import Path

from neurofm_bids.bids.problems import Problem, fetch_problem, file_problem
from neurofm_bids.bids.tables import read_table, unpadded
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.text import decoded, printable, read_bytes, some_of

__all__ = ["check_sessions", "find_participants", "parse_labels", "unknown_participants"]

_log = logging.getLogger(__name__)

_MEANT = re.compile(r"(?!sub-)(?i:sub)([-_ ]|\d).*")
_LABEL_COLUMNS = {
    "--participant-label": "participant_id",
    "--session-label": "session_id",
    "--reference-participants": "participant_id",
}
_PREFIXES = {"--participant-label": "sub-", "--session-label": "ses-", "--reference-participants": "sub-"}


def parse_labels(values: Sequence[str], flag: str) -> tuple[str, ...]:
    """Return labels without the prefix of the option from labels with or without it, or from files of labels.

    A file has labels between blanks, commas or line ends, or is a table: with a column ``participant_id``
    (``session_id`` for sessions), such as participants.tsv, or with the labels in its first column. Lines
    that start with ``#`` are comments. Like tables it may be UTF-8, UTF-16 or Windows-1252.

    Parameters
    ----------
    flag
        The option: ``--participant-label``, ``--session-label`` or ``--reference-participants``.

    Raises
    ------
    NeuroFMError
        A label is empty, or a file cannot be read or contains no labels: it must not select all participants.
    """
    prefix = _PREFIXES[flag]
    labels = [text.strip().removeprefix(prefix) for value in values for text in _labels(value, flag)]
    if not all(labels):
        raise NeuroFMError(
            f"a label of {flag} is empty",
            fix="Give a label, or omit the option to select all.",
            code=Exit.USAGE,
        )
    return tuple(dict.fromkeys(labels))


def _labels(value: str, flag: str) -> list[str]:
    path = Path(value)
    try:
        problem = fetch_problem(path, "the label file ") if path.suffix else None
        if problem is None and not path.is_file():
            return [value]
    except (OSError, ValueError):
        return [value]  # too long for a file name, or not accessible: a label
    if problem is not None:
        raise NeuroFMError(problem[0], where=path, fix=problem[1], code=Exit.USAGE)
    try:
        lines = [line for line in decoded(read_bytes(path))[0].splitlines() if not _is_comment(line)]
    except OSError as error:
        raise NeuroFMError(
            f"the label file cannot be read ({error.strerror})",
            where=path,
            fix="Check the file and its permissions.",
            code=Exit.USAGE,
        ) from error
    key, header = _LABEL_COLUMNS[flag], _header(lines)
    if key not in header and not header.isdisjoint(_LABEL_COLUMNS.values()):
        raise NeuroFMError(
            f"the table has no column {key}", where=path, fix=f"Use another file for {flag}.", code=Exit.USAGE
        )
    labels = [label for (label,) in read_table(path, key)] if key in header else _first_column(lines)
    labels = [label for label in labels if not _is_comment(label)]
    if not labels:
        raise NeuroFMError(
            "the file contains no labels", where=path, fix="Write one label per line.", code=Exit.USAGE
        )
    return labels


def _header(lines: Iterable[str]) -> set[str]:
    """Return the cells of the first line that is neither blank nor a comment, in lower case."""
    line = next((line for line in lines if line.strip() and not _is_comment(line)), "")
    return {cell.strip("\"'").lower() for cell in re.split(r"[\t,; ]+", line)}


def _is_comment(line: str) -> bool:
    return line.lstrip("\"' ").startswith("#")


def _first_column(lines: Sequence[str]) -> list[str]:
    """Return the labels in the lines of a table without header, or all labels of other lines."""
    rows = [[cell.strip(" \"'") for cell in re.split(r"[\t,;]", line)] for line in lines]
    if any("\t" in line.strip() for line in lines):
        return [row[0] for row in rows if row[0]]
    return [label for row in rows for cell in row for label in cell.split()]


def find_participants(root: Path, labels: Sequence[str]) -> tuple[list[str], list[tuple[Path, Problem]]]:
    """Return the selected labels, and the selected participants that are symbolic links to no folder.

    Raises
    ------
    NeuroFMError
        A participant does not exist; the message names the nearest that does.
    """
    _warn_of_misnamed(root)
    paths = {path.name[4:]: path for path in sorted(root.glob("sub-*"))}
    existing = {label: None for label, path in paths.items() if path.is_dir()}
    links = _broken_links(path for label, path in paths.items() if label in (labels or paths))
    _check(labels, {*existing, *(path.name[4:] for path, _ in links)}, [root], "participant", "sub-")
    _warn_of_twins(list(existing))
    return [label for label in labels or existing if label in existing], links


def unknown_participants(roots: Sequence[Path], labels: Sequence[str], having: Set[str]) -> dict[str, str]:
    """Return the labels that neither a dataset nor ``having`` has, and the nearest that exists.

    Parameters
    ----------
    roots
        Of the datasets.

    Raises
    ------
    NeuroFMError
        None of the labels exists.
    """
    existing = _names(roots, "sub-*") | having
    if existing.isdisjoint(labels):
        _check(labels, existing, roots, "participant", "sub-")
    return {
        label: f"no such participant{_advice(label, existing, 'sub-')}"
        for label in labels
        if label not in existing
    }


def check_sessions(roots: Sequence[Path], labels: Sequence[str], having: Set[str]) -> None:
    """Raise if no participant has a session.

    Parameters
    ----------
    roots
        Of the datasets.
    having
        Sessions of the selected participants; only if one is not among them, those of all are looked up.

    Raises
    ------
    NeuroFMError
        A session does not exist; the message names the nearest that does.
    """
    if not set(labels) <= having:
        _check(labels, _names(roots, "sub-*/ses-*") | having, roots, "session", "ses-")


def _names(roots: Sequence[Path], pattern: str) -> set[str]:
    """Return the labels of folders of datasets."""
    return {path.name[4:] for root in roots for path in root.glob(pattern)}


def _broken_links(paths: Iterable[Path]) -> list[tuple[Path, Problem]]:
    links = [(path, file_problem(path)) for path in paths if path.is_symlink() and not path.is_dir()]
    return [(path, problem) for path, problem in links if problem is not None]


def _check(labels: Sequence[str], existing: Set[str], roots: Sequence[Path], what: str, prefix: str) -> None:
    unknown = [label for label in labels if label not in existing]
    if not unknown:
        return
    shown = some_of(unknown, lambda label: f"{printable(label)}{_advice(label, existing, prefix)}")
    raise NeuroFMError(
        f"no such {what}: {shown}",
        where=", ".join(map(str, roots)),
        fix=f"Check --{what}-label.",
        code=Exit.NOTHING_SELECTED,
    )


def _advice(label: str, existing: Set[str], prefix: str) -> str:
    """Return what one was most likely meant to be: several labels, a file, or an existing label."""
    for flag, other in _PREFIXES.items():
        if other != prefix and label.startswith(other):
            return f" (labels with {other} belong to {flag})"
    if "," in label:
        return " (separate labels by blanks)"
    if len(label.split()) > 1:
        return " (separate labels by blanks, each a word of its own: no quotation marks around several)"
    if {".", os.sep} & set(label):
        return " (there is no such file either)"
    plain = unpadded(label).lower()
    alike = [name for name in sorted(existing) if unpadded(name).lower() == plain]
    likely = alike or get_close_matches(label, sorted(existing), 1)
    return f" (did you mean {prefix}{printable(likely[0])}?)" if likely else ""


def _warn_of_misnamed(root: Path) -> None:
    """Name the folders that are meant as those of participants and are not read."""
    names = [name for name in sorted(os.listdir(root)) if _MEANT.fullmatch(name)]  # noqa: PTH208 -- fast
    folders = [name for name in names if (root / name).is_dir()]
    if folders:
        _log.warning(
            "not read: %s: rename folders of participants to sub-<label>", some_of(folders, printable)
        )


def _warn_of_twins(labels: Sequence[str]) -> None:
    for _, group in groupby(sorted(labels, key=str.lower), key=str.lower):
        twins = [f"sub-{printable(label)}" for label in group]
        if len(twins) > 1:
            _log.warning("participant labels differ only in case: %s", ", ".join(twins))
