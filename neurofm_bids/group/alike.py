"""Scans with one number of features, which can be compared, and what differs between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from neurofm_bids.group.entry import About
from neurofm_bids.records.cohort import Member
from neurofm_bids.records.dictionary import Entry
from neurofm_bids.records.origin import Origin

__all__ = ["Alike", "most_common"]

_Features = npt.NDArray[np.float32]


@dataclass
class _Kind:
    """What some scans share, and how many they are."""

    about: About
    n_scans: int = 0


@dataclass(frozen=True)
class Alike:
    """The scans with one number of features, and what they were made with.

    Parameters
    ----------
    members
        With their features, shape (d,).
    """

    members: list[tuple[Member, _Features]] = field(default_factory=list)
    _kinds: dict[int, _Kind] = field(default_factory=dict)  # by identity of what they share

    def add(self, member: Member, features: _Features, about: About) -> None:
        """Add a scan and its features, shape (d,), with what it shares with others."""
        self.members.append((member, features))
        self._kinds.setdefault(id(about), _Kind(about)).n_scans += 1

    @property
    def example(self) -> About:
        """How the first scan was made."""
        return next(iter(self._kinds.values())).about

    @property
    def entries(self) -> dict[str, Entry]:
        """Data dictionary of the columns of all scans."""
        found: dict[str, Entry] = {}
        for kind in self._kinds.values():
            if kind.about.entries.keys() - found.keys():
                found.update(kind.about.entries)
        return found

    @property
    def predicted(self) -> tuple[str, ...]:
        """Columns of predicted values, in order."""
        return tuple(dict.fromkeys(name for kind in self._kinds.values() for name in kind.about.predicted))

    @property
    def origins(self) -> tuple[Origin, ...]:
        """How volumes were made, distinct ones."""
        found: list[Origin] = []
        for kind in self._kinds.values():
            if kind.about.origin not in found:
                found.append(kind.about.origin)
        return tuple(found)

    @property
    def weights(self) -> Counter[str]:
        """Numbers of scans by the weights of the model."""
        return self._count(lambda about: about.made.model.weights_sha256)

    def differences(self) -> tuple[str, ...]:
        """Return a sentence for everything that is not the same for all scans."""
        counters = {
            "weights": self.weights,
            "weights of the segmentation": self._count(lambda about: about.origin.anatomy_weights_sha256),
            "settings": self._count(lambda about: about.made.parameters_hash),
            "masks of other programs": self._count(lambda about: about.masks),
            "pipeline version of NeuroFM-BIDS": self._count(lambda about: str(about.made.pipeline_version)),
        }
        return tuple(_difference(what, counts) for what, counts in counters.items() if len(counts) > 1)

    def _count(self, what: Callable[[About], str | None]) -> Counter[str]:
        counts: Counter[str] = Counter()
        for kind in self._kinds.values():
            if value := what(kind.about):
                counts[value] += kind.n_scans
        return counts


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
