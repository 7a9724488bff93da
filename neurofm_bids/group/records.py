"""What the group level knows of one scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Common", "FlagRecord", "Predicted", "Reading", "Row"]


@dataclass(frozen=True, slots=True)
class Predicted:
    """One prediction of one scan, in the units of its target.

    ``sd`` and the 95 % interval describe repeatability over views of the same scan, not accuracy; they
    are None where there was one view.
    """

    value: float
    sd: float | None
    lower95: float | None
    upper95: float | None
    in_range: bool | None


@dataclass(frozen=True, slots=True)
class FlagRecord:
    """One flag raised for a scan; severity is ``warning`` or ``serious``."""

    name: str
    message: str
    severity: str


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one scan.

    Parameters
    ----------
    stem
        File name of the T1w without its suffix, such as ``sub-01_ses-x_run-1``.
    subject, session
        Labels without ``sub-`` and ``ses-``.
    scan
        Path of the T1w in its dataset.
    predictions
        By name of the target.
    age_years, age_gap_years, sex
        From participants.tsv; the gap is predicted minus chronological age, not bias-corrected.
    measured, quality
        By name; None where a measure could not be had.
    flags
        Quality and range flags.
    views
        How many views of the scan were averaged.
    weights_sha256, parameters_hash, version
        What the outputs were made with.
    """

    stem: str
    subject: str
    session: str | None
    scan: str
    predictions: Mapping[str, Predicted]
    age_years: float | None
    age_gap_years: float | None
    sex: str | None
    measured: Mapping[str, float | None]
    quality: Mapping[str, float | None]
    flags: tuple[FlagRecord, ...]
    views: int | None
    weights_sha256: str
    parameters_hash: str
    version: str


@dataclass(frozen=True, slots=True)
class Common:
    """What the scans of one model share: model, targets by name, package versions and settings."""

    model: Mapping[str, Any] = field(default_factory=dict)
    targets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    software: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """A row with its features, shape (d,), and what it shares with others."""

    row: Row
    features: npt.NDArray[np.float32]
    common: Common
