"""Tasks: what readouts are fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Literal

from pydantic import StringConstraints
from pydantic.dataclasses import dataclass

from neurofm_bids.records.schema import RECORD

__all__ = ["DOMAINS", "Domain", "Kind", "Task", "Times"]

Domain = Literal["clinical", "cognitive", "developmental", "socio-behavioural", "image quality"]
Kind = Literal["binary", "multiclass", "ordinal", "regression", "time-to-event"]
DOMAINS: tuple[Domain, ...] = (
    "clinical",
    "cognitive",
    "developmental",
    "socio-behavioural",
    "image quality",
)

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


@dataclass(frozen=True, config=RECORD)
class Times:
    """Columns and values of a time to an event.

    Parameters
    ----------
    time
        Column of the time from the scan to the event, or to the end of follow-up, in years.
    event
        Value of the target column of people with the event.
    competing
        Value of the target column of people who died, or had another event that precludes this one; None
        without such.
    censored
        Values of the target column of people with neither; empty if it has only one other value.
    entry
        Column of the time from the scan at which the follow-up of a person began, in years (left
        truncation); None if it began at the scan.
    horizons
        Times from the scan for which risks are stated, in years.
    """

    time: str
    event: str
    competing: str | None = None
    censored: tuple[str, ...] = ()
    entry: str | None = None
    horizons: tuple[float, ...] = (2.0, 5.0)


@dataclass(frozen=True, config=RECORD)
class Task:
    """One target in the tables of a dataset that a readout is fitted to.

    Parameters
    ----------
    name
        Letters, digits and underscores.
    domain
        One of the five domains of readouts.
    kind
        Kind of the target.
    target
        Its column in the tables of participants, sessions or scans; of a phenotype table ``file.column``.
    description
        What it is, in one sentence.
    units
        Of a target of the kind ``regression``.
    positive
        Value of the target of the class whose probability is given, of the kind ``binary``.
    classes
        Values of the target that count; of the kind ``ordinal`` in increasing order. Empty for all there are.
    covariates
        Columns that are regressed out of the features.
    groups
        Column of what must not be split between training and test; None for participants.
    site
        Column of the site.
    harmonise
        Whether features are standardised within sites.
    leave_site_out
        Whether the scans of a whole site are left out at a time, in place of people of all sites.
    exclude
        Values by column; scans that have one of them are left out.
    times
        Of the kind ``time-to-event``.
    """

    name: Name
    domain: Domain
    kind: Kind
    target: str
    description: str = ""
    units: str = ""
    positive: str | None = None
    classes: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    groups: str | None = None
    site: str | None = None
    harmonise: bool = False
    leave_site_out: bool = False
    exclude: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    times: Times | None = None
