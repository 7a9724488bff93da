"""The scans of one model as the group level keeps them: what the tables hold and the report shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from neurofm_bids.records.centile import UNKNOWN, Centile, Observation
from neurofm_bids.records.columns import (
    AGE,
    AGE_REMARKS,
    KNOWN_AGE,
    RECORDED_COLUMNS,
)
from neurofm_bids.records.dictionary import Entry, column
from neurofm_bids.records.flag import Flag
from neurofm_bids.records.origin import Origin
from neurofm_bids.records.packed import columns as as_frame
from neurofm_bids.records.scan import Identity, Provenance
from neurofm_bids.records.score import Score
from neurofm_bids.records.statistics import Ages

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Cohort", "Member", "Missing"]


@dataclass(frozen=True)
class Missing:
    """A scan that has no row, or a folder that could not be listed (its path), and why, with what to do."""

    stem: str
    reason: str


@dataclass(frozen=True)
class Member:
    """What the group level keeps of one scan.

    Parameters
    ----------
    scan
        Which scan it is.
    predictions, quality, flag_cells, morphometry
        Cells of the tables by column; ``predictions`` includes recorded age and sex; ``morphometry`` is empty
        without segmentation.
    acquisition
        Acquisition parameters.
    flags
        Its flags.
    out_of_range
        Columns of predictions outside their range.
    left_out
        Columns that statistics leave out: predictions that are impossible, and all of a failed scan.
    is_included
        Whether its features take part in statistics.
    centiles
        Its volumes among those of the reference.
    observation
        What a reference takes from it.
    scores
        By the readouts of the participant level.
    source
        Path from the folder of the group level to the output folder of the scan; empty for itself.
    """

    scan: Identity
    predictions: Mapping[str, object]
    quality: Mapping[str, object]
    flag_cells: Mapping[str, object]
    acquisition: Mapping[str, Any]
    flags: tuple[Flag, ...]
    out_of_range: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    is_included: bool = True
    morphometry: Mapping[str, object] = field(default_factory=dict)
    centiles: Sequence[Centile] = ()
    observation: Observation = UNKNOWN
    scores: tuple[Score, ...] = ()
    source: str = ""

    @property
    def age_remarks(self) -> tuple[str, ...]:
        """What limits its chronological age: names of Levels of the column of remarks."""
        text = self.predictions.get(AGE_REMARKS)
        return tuple(str(text).split(";")) if text else ()


@dataclass(frozen=True)
class Cohort:
    """The scans of one model in one output folder, or in several.

    Parameters
    ----------
    label
        Model label used in ``desc-``.
    members
        Ordered by participant, session and stem.
    missing
        Scans found or attempted that have no row, ordered by stem.
    features
        Shape (n, d), float32; row i belongs to ``members[i]``.
    made
        How one scan was made, for what all scans share: model, package versions, settings.
    entries
        Data dictionary of the columns made from the records.
    predicted
        Columns of the predicted values that any scan has.
    weights_sha256
        SHA-256 of all weights in use: more than one where scans differ.
    origins
        How the volumes of the scans were made: more than one where scans differ.
    warnings
        Sentences about what differs between scans that should be alike.
    """

    label: str
    members: tuple[Member, ...]
    missing: tuple[Missing, ...]
    features: npt.NDArray[np.float32]
    made: Provenance | None = None
    entries: Mapping[str, Entry] = field(default_factory=dict)
    predicted: tuple[str, ...] = ()
    weights_sha256: tuple[str, ...] = ()
    origins: tuple[Origin, ...] = ()
    warnings: tuple[str, ...] = ()

    @cached_property
    def frames(self) -> dict[str, pd.DataFrame]:
        """The cells of the members by their name in :class:`Member`, one row per member."""
        return {
            "predictions": as_frame([member.predictions for member in self.members]),
            "quality": as_frame([member.quality for member in self.members]),
            "flag_cells": as_frame([member.flag_cells for member in self.members]),
            "morphometry": as_frame([member.morphometry for member in self.members]),
        }

    @property
    def metrics(self) -> tuple[str, ...]:
        """Columns of the image quality metrics that any scan has, in the order of the records."""
        return tuple(self.frames["quality"].columns)

    @property
    def included(self) -> npt.NDArray[np.bool_]:
        """Whether the features of each scan take part in statistics, shape (n,)."""
        return np.array([member.is_included for member in self.members], dtype=bool)

    @property
    def columns(self) -> dict[str, Entry]:
        """Data dictionary of the columns of the members."""
        recorded = {name: column(name) for name in RECORDED_COLUMNS}
        return {**self.entries, **recorded}

    @property
    def ages(self) -> Ages:
        """Chronological and predicted ages of the members."""
        remarks = [member.age_remarks for member in self.members]
        lower_bound, not_of_session = (
            np.array([name in own for own in remarks], dtype=bool)
            for name in ("lower_bound", "not_of_session")
        )
        return Ages(self.values(KNOWN_AGE), self.values(AGE), lower_bound, not_of_session)

    def values(self, column: str) -> npt.NDArray[np.float64]:
        """Return the numbers of a column for statistics, shape (n,): NaN where none or left out."""
        values = self.recorded(column)
        values[self._left_out.get(column, [])] = np.nan
        return values

    def recorded(self, column: str) -> npt.NDArray[np.float64]:
        """Return the numbers of a column, shape (n,), those that statistics leave out, too; NaN for none."""
        for name in ("predictions", "quality", "flag_cells"):
            if column in self.frames[name]:
                values = self.frames[name][column].to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
                return np.asarray(values)
        return np.full(len(self.members), np.nan)

    @cached_property
    def _left_out(self) -> dict[str, list[int]]:
        """Places of the members by the columns that statistics leave out of them."""
        places: dict[str, list[int]] = {}
        for place, member in enumerate(self.members):
            for name in member.left_out:
                places.setdefault(name, []).append(place)
        return places
