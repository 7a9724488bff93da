"""What the group level keeps of one scan as texts and numbers, for its index and between processes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic.dataclasses import dataclass as record_class

from neurofm_bids.group.member import prediction_columns
from neurofm_bids.records.centile import Observation
from neurofm_bids.records.cohort import Member
from neurofm_bids.records.columns import entries
from neurofm_bids.records.flag import Flag
from neurofm_bids.records.origin import Origin, origin_of
from neurofm_bids.records.packed import Layout, PackedRow, layout, pack
from neurofm_bids.records.packed_centiles import CENTILE_NUMBERS, PackedCentiles, Volumes, pack_centiles
from neurofm_bids.records.scan import Identity, Input, Provenance, ScanRecord
from neurofm_bids.records.schema import RECORD, from_text, to_text
from neurofm_bids.records.score import Score

__all__ = ["About", "Entry", "Own", "about", "entry_of", "member_of", "own_of"]

_SHARED = 1024  # texts that are kept parsed
_Features = npt.NDArray[np.float32]


@record_class(frozen=True, config=RECORD)
class About:
    """What many scans share: the meaning of their columns, and how they were made.

    Parameters
    ----------
    entries
        Data dictionary of the columns made from a record.
    predicted
        Columns of the predicted values.
    made
        Without the image.
    origin
        Of the volumes.
    masks
        Name and version of the other program that made the brain masks; empty where they are our own.
    """

    entries: Mapping[str, dict[str, Any]]
    predicted: tuple[str, ...]
    made: Provenance
    origin: Origin
    masks: str = ""


@record_class(frozen=True, config=RECORD)
class Own:
    """What is different for every scan, but its numbers: fields of :class:`Member`, and of its observation.

    Parameters
    ----------
    image
        That the scan was processed from.
    texts
        The cells that are text, of predictions, quality, flags and morphometry.
    problem
        Why its scores cannot be read; empty if they can.
    """

    scan: Identity
    image: Input | None
    acquisition: Mapping[str, Any]
    flags: tuple[Flag, ...]
    out_of_range: tuple[str, ...]
    left_out: tuple[str, ...]
    is_included: bool
    texts: tuple[tuple[str, ...], ...]
    age_years: float | None
    sex: str | None
    head_ml: float | None
    reason: str
    scores: tuple[Score, ...]
    problem: str


@dataclass(frozen=True)
class Entry:
    """What is kept of one scan.

    Parameters
    ----------
    own
        JSON of :class:`Own`.
    shared
        JSON of :class:`About`, of the layouts of its rows, and of the volumes that have centiles: texts that
        many scans share.
    numbers
        Of its rows, then the volumes of its observation, then its centiles; float64.
    features
        Float32.
    """

    own: str
    shared: tuple[str, str, str]
    numbers: bytes
    features: bytes


@dataclass(frozen=True)
class _Described:
    """A record, equal to those that are described alike."""

    record: ScanRecord
    like: Hashable

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Described) and self.like == other.like

    def __hash__(self) -> int:
        return hash(self.like)


def about(record: ScanRecord) -> About:
    """Return what a scan shares with others; the same object for equal ones."""
    anatomy = record.anatomy
    predictions = tuple(
        (name, p.units, p.range, p.long_name, p.description, p.of_class)
        for name, p in record.predictions.items()
    )
    regions = (tuple(anatomy.volumes), tuple(anatomy.asymmetry), anatomy.weights_sha256) if anatomy else ()
    made = to_text(replace(record.provenance, input=None), Provenance)
    like = (predictions, regions, tuple(record.image_quality), made, _masks(record))
    return _about(_Described(record, like))


@lru_cache(maxsize=_SHARED)
def _about(described: _Described) -> About:
    record = described.record
    return About(
        entries(record),
        prediction_columns(record.predictions),
        replace(record.provenance, input=None),
        origin_of(record),
        _masks(record),
    )


def _masks(record: ScanRecord) -> str:
    """Return which other program made the brain mask; empty where it is our own."""
    return next((one.tool or one.dataset for one in record.derived if one.use == "mask"), "")


def entry_of(record: ScanRecord, member: Member, features: _Features, problem: str = "") -> Entry:
    """Return what is kept of a scan.

    Parameters
    ----------
    member
        Made of the record, with its scores.
    features
        Shape (d,).
    problem
        Why its scores cannot be read.
    """
    rows = [pack(row) for row in (member.predictions, member.quality, member.flag_cells, member.morphometry)]
    observed, placed = pack(member.observation.values), pack_centiles(member.centiles)
    own = Own(
        member.scan,
        record.provenance.input,
        member.acquisition,
        member.flags,
        member.out_of_range,
        member.left_out,
        member.is_included,
        tuple(row.texts for row in rows),
        member.observation.age_years,
        member.observation.sex,
        member.observation.head_ml,
        member.observation.reason,
        member.scores,
        problem,
    )
    rows.append(observed)
    shared = (
        _about_text(_ById(about(record))),
        _layouts_text(tuple(row.layout for row in rows)),
        to_text(placed.volumes, Volumes),
    )
    numbers = np.concatenate([*(row.numbers for row in rows), placed.numbers.ravel()])
    return Entry(to_text(own, Own), shared, numbers.tobytes(), features.astype("<f4").tobytes())


@dataclass(frozen=True)
class _ById:
    """An object that is compared by its identity."""

    value: About

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


@lru_cache(maxsize=_SHARED)
def _about_text(shared: _ById) -> str:
    return to_text(shared.value, About)


@lru_cache(maxsize=_SHARED)
def _layouts_text(layouts: tuple[Layout, ...]) -> str:
    return to_text(layouts, tuple[Layout, ...])


@lru_cache(maxsize=_SHARED)
def _read_about(text: str) -> About:
    shared: About = from_text(About, text)
    return shared


@lru_cache(maxsize=_SHARED)
def _read_layouts(text: str) -> tuple[Layout, ...]:
    return tuple(layout(one.names, one.kinds) for one in from_text(tuple[Layout, ...], text))


@lru_cache(maxsize=_SHARED)
def _read_volumes(text: str) -> Volumes:
    volumes: Volumes = from_text(Volumes, text)
    return volumes


def own_of(entry: Entry) -> Own:
    """Return what is different for every scan."""
    own: Own = from_text(Own, entry.own)
    return own


def member_of(entry: Entry, own: Own) -> tuple[Member, _Features, About]:
    """Return what is kept of a scan as the group level uses it, with its features, shape (d,)."""
    shared, layouts, volumes = entry.shared
    numbers, rows, start = np.frombuffer(entry.numbers, "<f8"), [], 0
    for one, texts in zip(_read_layouts(layouts), (*own.texts, ()), strict=True):
        rows.append(PackedRow(one, numbers[start : start + len(one.names)], texts))
        start += len(one.names)
    placed = PackedCentiles(_read_volumes(volumes), numbers[start:].reshape(-1, CENTILE_NUMBERS))
    predictions, quality, flag_cells, morphometry, mm3 = rows
    member = Member(
        scan=own.scan,
        predictions=predictions,
        quality=quality,
        flag_cells=flag_cells,
        acquisition=own.acquisition,
        flags=own.flags,
        out_of_range=own.out_of_range,
        left_out=own.left_out,
        is_included=own.is_included,
        morphometry=morphometry,
        centiles=placed,
        observation=Observation(own.age_years, own.sex, own.head_ml, mm3, own.reason),
        scores=own.scores,
    )
    return member, np.frombuffer(entry.features, "<f4"), _read_about(shared)
