"""Centiles of volumes as people read them: numbers, bars, and what limits them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_lowercase

from neurofm_bids.records.centile import Centile
from neurofm_bids.records.columns import CENTILE_NOTES
from neurofm_bids.records.dictionary import centile_columns
from neurofm_bids.report.plots import Bar, plot_bar

__all__ = [
    "NOT_SHOWN",
    "CentileNotes",
    "centile_bar",
    "centile_text",
    "centile_with_interval",
    "is_muted",
    "limits_of",
    "notes_of",
    "notes_text",
    "whole_centile",
]

NOT_SHOWN = "not shown"


@dataclass(frozen=True)
class CentileNotes:
    """What limits centiles: sentences that hold for all, and marks of notes that hold for some."""

    common: tuple[str, ...] = ()
    marks: Mapping[str, str] = field(default_factory=dict)

    @property
    def legend(self) -> list[tuple[str, str]]:
        """Mark and sentence of each note that holds for some."""
        return [(mark, notes_text([note])) for note, mark in self.marks.items()]

    def marks_of(self, centile: Centile) -> str:
        """Return the marks of one centile, such as ``a, b``."""
        return ", ".join(sorted(self.marks[note] for note in centile.notes if note in self.marks))


def notes_of(centiles: Sequence[Centile]) -> CentileNotes:
    """Return what limits some centiles."""
    found = list(dict.fromkeys(note for centile in centiles for note in limits_of(centile.notes)))
    common = [note for note in found if all(note in centile.notes for centile in centiles)]
    others = [note for note in found if note not in common]
    sentences = tuple(notes_text([note]) for note in common)
    return CentileNotes(sentences, dict(zip(others, ascii_lowercase, strict=False)))


def limits_of(notes: Sequence[str]) -> list[str]:
    """Return notes without that on head size, which the sentence on the reference says with its reason."""
    return [note for note in notes if note != "no_head_size"]


def notes_text(notes: Sequence[str]) -> str:
    """Return the meaning of notes.

    >>> notes_text(["sex_unknown"])
    'No centile: the sex is not known, or neither F nor M'
    """
    levels = centile_columns()[CENTILE_NOTES]["Levels"]
    return ". ".join(levels[note] for note in notes)


def centile_text(centile: Centile) -> str:
    """Return a centile as people write it; empty for none.

    That of a volume that does not follow those of individuals is withheld.

    >>> [centile_text(Centile("brain", "measured", 1.0, None, centile=c)) for c in (0.4, 42.0, 99.7, None)]
    ['<1', '42', '>99', '']
    """
    if centile.centile is None:
        return ""
    return NOT_SHOWN if _is_withheld(centile) else whole_centile(centile.centile)


def centile_with_interval(centile: Centile) -> str:
    """Return a centile with its 95% interval, as far as there are any.

    >>> limits = (4.0, 99.9)
    >>> centile_with_interval(Centile("x", "measured", 1.0, None, centile=69.0, centile_interval95=limits))
    '69 (4 to >99)'
    """
    text, bar = centile_text(centile), centile_bar(centile)
    return f"{text} ({bar.ends[0]} to {bar.ends[1]})" if bar and bar.ends[0] else text


def is_muted(centile: Centile) -> bool:
    """Tell whether a centile is shown and shifted with the volumes of its structure."""
    return "shifted" in centile.notes and centile_bar(centile) is not None


def _is_withheld(centile: Centile) -> bool:
    return "unreliable" in centile.notes


def whole_centile(centile: float) -> str:
    """Return a centile as a whole number, or that it is less than 1 or more than 99.

    >>> [whole_centile(value) for value in (0.4, 42.0, 99.7)]
    ['<1', '42', '>99']
    """
    if centile < 1:
        return "<1"
    return ">99" if centile > 99 else f"{centile:.0f}"


def centile_bar(centile: Centile) -> Bar | None:
    """Return where a centile lies from 0 to 100, with its interval; None where none is shown."""
    if centile.centile is None or _is_withheld(centile):
        return None
    low, high = centile.centile_interval95 or (None, None)
    ends = ("", "") if low is None or high is None else (whole_centile(low), whole_centile(high))
    return plot_bar(centile.centile, (0.0, 100.0), centile.centile_interval95, ends=ends)
