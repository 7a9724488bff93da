"""What is known of the scans of a cohort from several datasets."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from neurofm_bids.bids.covariates import Covariates, Known, typed
from neurofm_bids.bids.coverage import log_coverage
from neurofm_bids.group.source import Source
from neurofm_bids.records import dictionary
from neurofm_bids.records.cohort import Member
from neurofm_bids.storage.text import some_of

if TYPE_CHECKING:
    import pandas as pd

    from neurofm_bids.bids.demographics import Person
    from neurofm_bids.records.scan import Identity

__all__ = ["SOURCE_DATASET", "Datasets", "known_of", "log_known"]

_log = logging.getLogger(__name__)

SOURCE_DATASET = "source_dataset"
_MEANINGS = ("Units", "Levels")


class Datasets:
    """The covariates of several datasets, for the scans of a cohort, as it names them.

    Columns of the same name, without regard to upper and lower case, are one column, as it was spelled first,
    with the description of the first dataset that has one. The column ``source_dataset`` says where a scan is
    from; one of that name in a dataset is replaced.

    Parameters
    ----------
    sources
        By participant, in the order of the output folders.
    """

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._names = _dataset_names(sources.values())
        self._spelling: dict[str, str] = {}

    @property
    def dataset_name(self) -> str:
        """Names of the datasets."""
        return ", ".join(dict.fromkeys(self._names.values()))

    def person(self, scan: Identity) -> Person:
        """Return age and sex at a scan."""
        source = self._sources[scan.subject or ""]
        return source.covariates.person(source.in_dataset(scan))

    def values(self, scan: Identity) -> dict[str, str]:
        """Return the values of a scan by column, as written; one that is not known is empty."""
        source = self._sources[scan.subject or ""]
        own = source.covariates.values(source.in_dataset(scan))
        values = {self._spelled(name): text for name, text in own.items()}
        return {**values, SOURCE_DATASET: self._names[id(source.covariates)]}

    def table(self, scans: Sequence[Identity]) -> pd.DataFrame:
        """Return one row per scan, in order, with the columns of :meth:`values`."""
        return typed([self.values(scan) for scan in scans])

    @cached_property
    def dictionary(self) -> dict[str, dict[str, Any]]:
        """LongName, Description, Units and Levels by column; columns that differ are logged."""
        merged: dict[str, dict[str, Any]] = {}
        differing: dict[str, None] = {}
        for covariates in self._datasets():
            for name, entry in covariates.dictionary.items():
                first = merged.setdefault(self._spelled(name), entry)
                if any(first.get(key) != entry.get(key) for key in _MEANINGS):
                    differing[self._spelled(name)] = None
        if differing:
            _log.warning(
                "Columns whose Units or Levels differ between the datasets: %s. Their values are in one "
                "column as written (age and sex are understood as each dataset describes them): make them "
                "alike before using them.",
                some_of(list(differing)),
            )
        return {**merged, SOURCE_DATASET: dictionary.column(SOURCE_DATASET)}

    def _spelled(self, name: str) -> str:
        """Return a name of a column as it was spelled first."""
        return self._spelling.setdefault(name.lower(), name)

    def _datasets(self) -> Iterable[Covariates]:
        return {id(one.covariates): one.covariates for one in self._sources.values()}.values()


def known_of(sources: Mapping[str, Source], members: Sequence[Member]) -> Known:
    """Return the covariates of the members of a cohort: those of its dataset, or of its datasets.

    Parameters
    ----------
    sources
        The output folders, by key.
    """
    first = next(iter(sources.values()))
    used = list(sources.values())
    if all(one.covariates is first.covariates and not one.name for one in used):
        return first.covariates
    return Datasets({member.scan.subject or "": sources[member.source] for member in members})


def log_known(sources: Mapping[str, Source], members: Sequence[Member]) -> None:
    """Log of how many participants of each dataset age and sex are known."""
    by_dataset: dict[int, tuple[Covariates, list[Identity]]] = {}
    for member in members:
        source = sources[member.source]
        scans = by_dataset.setdefault(id(source.covariates), (source.covariates, []))[1]
        scans.append(source.in_dataset(member.scan))
    for covariates, scans in by_dataset.values():
        if len(by_dataset) > 1:
            _log.info("Dataset %s:", covariates.bids_dir)
        log_coverage(covariates, scans)


def _dataset_names(sources: Iterable[Source]) -> dict[int, str]:
    """Return a name of each dataset by the identity of its covariates; equal ones get numbers."""
    names: dict[int, str] = {}
    for source in sources:
        if id(source.covariates) not in names:
            names[id(source.covariates)] = next(_free(source, set(names.values())))
    return names


def _free(source: Source, taken: set[str]) -> Iterator[str]:
    name, number = source.name or source.covariates.dataset_name, 2
    if name not in taken:
        yield name
    while f"{name} {number}" in taken:
        number += 1
    yield f"{name} {number}"
