"""The cohort: every scan with outputs under one folder, and every scan that should have them."""

from __future__ import annotations

import csv
import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.group.reading import ENDINGS, read_scan, stem_of
from neurofm_bids.group.records import Common, Row

__all__ = ["Cohort", "Missing", "collect"]

_log = logging.getLogger(__name__)

_Pair = tuple[Row, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Missing:
    """A scan that has no row, and why (one sentence)."""

    stem: str
    reason: str


@dataclass(frozen=True)
class Cohort:
    """The scans of one model in one output folder.

    Parameters
    ----------
    label
        Model label used in ``desc-``.
    rows
        Ordered by participant, session and stem.
    missing
        Scans found or attempted that have no row, ordered by stem.
    features
        Shape (n, d), float32; row i belongs to ``rows[i]``.
    warnings
        Sentences about what differs between rows that should be alike.
    common
        As recorded with the first row: model, targets, package versions and settings.
    """

    label: str
    rows: tuple[Row, ...]
    missing: tuple[Missing, ...]
    features: npt.NDArray[np.float32]
    warnings: tuple[str, ...] = ()
    common: Common = field(default_factory=Common)


def collect(out_dir: Path, label: str) -> Cohort:
    """Read the outputs of every scan under ``out_dir``, and nothing else.

    A scan counts as found when any of its files exists. Found scans whose files are partial, unreadable or
    do not fit together become :class:`Missing`, and so do scans that a run listed as failed and that have
    no outputs now: rows plus missing is everything found or attempted.

    Parameters
    ----------
    out_dir
        Root of the derivative dataset.
    label
        Model label used in ``desc-`` (``openS``).

    Raises
    ------
    NeuroFMError
        ``out_dir`` is not a folder or ``label`` is not alphanumeric.
    """
    if not re.fullmatch(r"[0-9A-Za-z]+", label):
        raise NeuroFMError("a model label has letters and digits only", where=label, code=Exit.USAGE)
    if not out_dir.is_dir():
        raise NeuroFMError(
            "there is no such output folder",
            where=out_dir,
            fix="Run the participant level first.",
            code=Exit.NO_INPUT,
        )
    pairs: list[_Pair] = []
    commons: dict[int, Common] = {}  # one per number of features: keeping one per scan would fill the memory
    missing: dict[str, str] = {}
    for folder, stem in _find(out_dir, label):
        try:
            reading = read_scan(folder, stem, label)
        except NeuroFMError as error:
            missing[stem] = error.reason
            continue
        commons.setdefault(reading.features.size, reading.common)
        pairs.append((reading.row, reading.features))
    pairs, odd = _same_size(pairs)
    missing |= odd
    done = {row.stem for row, _ in pairs}
    failed: dict[str, str] = {}
    for stem, reason in _failed(out_dir):
        if stem not in done:
            failed.setdefault(stem, reason)
    missing |= failed  # a run that failed says more than a file that it left out
    return _cohort(label, pairs, commons, missing)


def _cohort(
    label: str,
    pairs: list[_Pair],
    commons: Mapping[int, Common],
    missing: Mapping[str, str],
) -> Cohort:
    pairs = sorted(pairs, key=lambda pair: (pair[0].subject, pair[0].session or "", pair[0].stem))
    rows = tuple(row for row, _ in pairs)
    features = np.stack([values for _, values in pairs]) if pairs else np.empty((0, 0), np.float32)
    warnings = _differences(rows)
    for warning in warnings:
        _log.warning("%s", warning)
    return Cohort(
        label=label,
        rows=rows,
        missing=tuple(Missing(stem, missing[stem]) for stem in sorted(missing)),
        features=features,
        warnings=warnings,
        common=commons.get(features.shape[1], Common()),
    )


def _find(out_dir: Path, label: str) -> Iterator[tuple[Path, str]]:
    endings = tuple(f"_desc-{label}_{ending}" for ending in ENDINGS)
    for subject in _folders(out_dir, "sub-"):
        for root in (subject, *_folders(subject, "ses-")):
            folder = root / "anat"
            stems = {
                name.removesuffix(ending)
                for name in _names(folder)
                for ending in endings
                if name.endswith(ending) and not name.startswith(".")
            }
            yield from ((folder, stem) for stem in sorted(stems))


def _folders(root: Path, prefix: str) -> list[Path]:
    try:
        with os.scandir(root) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(prefix) and entry.is_dir()]
    except OSError as error:
        raise NeuroFMError(f"a folder cannot be read ({error.strerror})", where=root, code=Exit.IO) from error
    return [root / name for name in sorted(names)]


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 -- names alone, twice as fast as Path.iterdir
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise NeuroFMError(
            f"a folder cannot be read ({error.strerror})", where=folder, code=Exit.IO
        ) from error


def _same_size(pairs: list[_Pair]) -> tuple[list[_Pair], dict[str, str]]:
    counts = Counter(features.size for _, features in pairs)
    if len(counts) < 2:
        return pairs, {}
    usual = max(counts, key=lambda size: (counts[size], size))
    odd = {
        row.stem: f"{features.size} features where the other scans have {usual}"
        for row, features in pairs
        if features.size != usual
    }
    return [pair for pair in pairs if pair[1].size == usual], odd


def _failed(out_dir: Path) -> Iterator[tuple[str, str]]:
    """Yield stem and reason of the scans that runs listed as failed, latest run first."""
    for path in sorted(out_dir.glob("logs/*/failed.tsv"), reverse=True):
        try:
            with path.open(encoding="utf-8", newline="") as stream:
                rows = list(csv.DictReader(stream, delimiter="\t"))
        except (OSError, ValueError, csv.Error):
            _log.warning("A list of failed scans cannot be read and is left out: %s", path)
            continue
        for row in rows:
            if row.get("scan"):
                step, reason = row.get("step") or "a step", row.get("reason") or "no reason given"
                yield stem_of(row["scan"]), f"failed in {step}: {reason}"


def _differences(rows: Iterable[Row]) -> tuple[str, ...]:
    checks = {
        "weights": Counter(row.weights_sha256 for row in rows),
        "settings": Counter(row.parameters_hash for row in rows),
        "versions of NeuroFM-BIDS": Counter(row.version for row in rows),
    }
    warnings = []
    for what, counts in checks.items():
        if len(counts) > 1:
            parts = ", ".join(f"{n} with {value[:12]}" for value, n in sorted(counts.items()))
            warnings.append(
                f"The scans were not all made with the same {what} ({parts}): they are not comparable."
            )
    return tuple(warnings)
