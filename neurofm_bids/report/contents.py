"""What the report of a participant shows, as plain data that is read and computed elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from neurofm_bids.bids.demographics import Person
from neurofm_bids.records.centile import Centile
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.records.score import Profile

__all__ = ["Curve", "Measured", "ReadoutAbout", "ScanReport"]


@dataclass(frozen=True)
class Curve:
    """A measure over age in a reference, for the sex and head size of one person.

    Parameters
    ----------
    ages
        In years, ascending.
    lines
        Values by centile, such as 5, 25, 50, 75 and 95, each as long as ``ages``.
    about
        Which reference, and for whom.
    """

    ages: tuple[float, ...]
    lines: Mapping[float, tuple[float, ...]]
    about: str


@dataclass(frozen=True)
class Measured:
    """A volume in mm3 that the segmentation measured, with its 95% interval and the name of its region."""

    mm3: float
    interval95: tuple[float, float] | None = None
    region: str = ""


@dataclass(frozen=True)
class ReadoutAbout:
    """How a readout was made, and how well it does.

    Parameters
    ----------
    description
        What it is.
    training
        The cohort of the fit.
    metrics
        Of held-out scans: name, value and 95% interval, the main one first.
    scheme
        How scans were held out.
    notes
        What limits its use.
    """

    description: str
    training: str
    metrics: tuple[tuple[str, float | None, tuple[float, float] | None], ...] = ()
    scheme: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScanReport:
    """What the report shows of one finished scan.

    Parameters
    ----------
    record
        Everything that was measured and predicted.
    person
        Recorded age and sex.
    figures
        Files by name: SVG (``mask``, ``registration``, ``template``, ``anatomy``, ``bias``, ``grid``,
        ``attribution``), and the image of the viewer (``viewer``).
    centiles
        Of measured and predicted volumes; empty where no model card allows any.
    curves
        By name of the prediction, in the unit of the prediction.
    measured
        Volumes that the segmentation measured of what is also predicted, by name of the prediction.
    profile
        Scores of readouts by domain; None where there are none.
    readouts
        How the readouts were made, by name.
    risks
        Absolute risk over years from the scan, by name of the readout; ``ages`` are these years.
    reference
        The reference of centiles and curves, and how it is read.
    acquired
        Date of the acquisition in the tables of the dataset, as written; empty where it is not known.
    """

    record: ScanRecord
    person: Person
    figures: Mapping[str, Path]
    centiles: tuple[Centile, ...] = ()
    curves: Mapping[str, Curve] = field(default_factory=dict)
    measured: Mapping[str, Measured] = field(default_factory=dict)
    profile: Profile | None = None
    readouts: Mapping[str, ReadoutAbout] = field(default_factory=dict)
    risks: Mapping[str, Curve] = field(default_factory=dict)
    reference: str = ""
    acquired: str = ""
