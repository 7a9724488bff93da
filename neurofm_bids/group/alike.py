"""Scans with one number of features, which can be compared, and what differs between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from neurofm_bids.group.member import prediction_columns
from neurofm_bids.records.cohort import Member
from neurofm_bids.records.columns import RECORDED_COLUMNS, entries
from neurofm_bids.records.dictionary import Entry
from neurofm_bids.records.origin import Origin, origin_of
from neurofm_bids.records.scan import ScanRecord

__all__ = ["Alike", "most_common"]

_Features = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Alike:
    """The scans with one number of features, and what they were made with."""

    example: ScanRecord
    members: list[tuple[Member, _Features]] = field(default_factory=list)
    weights: Counter[str] = field(default_factory=Counter)
    segmentation: Counter[str] = field(default_factory=Counter)
    settings: Counter[str] = field(default_factory=Counter)
    versions: Counter[int] = field(default_factory=Counter)
    origins: list[Origin] = field(default_factory=list)  # distinct ones
    entries: dict[str, Entry] = field(default_factory=dict)
    predicted: dict[str, None] = field(default_factory=dict)  # in order

    def add(self, member: Member, features: _Features, record: ScanRecord) -> None:
        """Add a scan and its features, shape (d,), with what its record says of both."""
        made = record.provenance
        self.members.append((member, features))
        if {*member.predictions, *member.morphometry, *member.quality} - {*self.entries, *RECORDED_COLUMNS}:
            self.entries.update(entries(record))
        self.predicted.update(dict.fromkeys(prediction_columns(record.predictions)))
        self.weights[made.model.weights_sha256] += 1
        if record.anatomy is not None:
            self.segmentation[record.anatomy.weights_sha256] += 1
        self.settings[made.parameters_hash] += 1
        self.versions[made.pipeline_version] += 1
        if (origin := origin_of(record)) not in self.origins:
            self.origins.append(origin)

    def differences(self) -> tuple[str, ...]:
        """Return a sentence for everything that is not the same for all scans."""
        counters = {
            "weights": self.weights,
            "weights of the segmentation": self.segmentation,
            "settings": self.settings,
            "pipeline version of NeuroFM-BIDS": Counter({str(v): n for v, n in self.versions.items()}),
        }
        return tuple(_difference(what, counts) for what, counts in counters.items() if len(counts) > 1)


def most_common(by_size: Mapping[int, Alike]) -> tuple[Alike | None, dict[str, str]]:
    """Return the scans with the most common number of features, and the reasons of all others by stem."""
    usual = max(by_size, key=lambda size: (len(by_size[size].members), size), default=0)
    odd = {
        member.scan.stem: f"{size} features where the other scans have {usual}"
        for size, alike in by_size.items()
        for member, _ in alike.members
        if size != usual
    }
    return by_size.get(usual), odd


def _difference(what: str, counts: Counter[str]) -> str:
    parts = ", ".join(f"{n} with {value[:12]}" for value, n in sorted(counts.items()))
    return f"The scans were not all made with the same {what} ({parts}): they are not comparable."
