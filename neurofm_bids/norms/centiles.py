"""Centiles of the volumes of a scan, given age, sex and head size, and curves of what to expect over age."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.bids.demographics import Person
from neurofm_bids.norms.distribution import Distribution, centile_of
from neurofm_bids.norms.head_size import HeadSize, head_size
from neurofm_bids.norms.observed import definition, observed, reasons_of
from neurofm_bids.norms.reference import PUBLISHED, Reference
from neurofm_bids.records.centile import REASONS, Centile
from neurofm_bids.records.origin import origin_of
from neurofm_bids.records.scan import ScanRecord

__all__ = ["CURVES", "Curve", "centiles", "curves"]

CURVES = (5, 25, 50, 75, 95)  # centiles that are drawn


@dataclass(frozen=True)
class Curve:
    """What a reference expects of a volume over age, at the sex and the head size of a scan.

    Parameters
    ----------
    ages
        In years, (n,).
    values
        By centile, (n,), in mm3 or years.
    notes
        What limits the curves: Levels of the column ``centile_notes``.
    """

    ages: NDArray[np.float64]
    values: Mapping[int, NDArray[np.float64]]
    notes: tuple[str, ...]


def centiles(record: ScanRecord, person: Person, reference: Reference = PUBLISHED) -> tuple[Centile, ...]:
    """Return each value of a scan that the reference has, with its centile or the reason why it has none.

    The interval of a centile spans the centiles of the limits of the volume and those at the limits of the
    head size; both distances (in sd) are added in quadrature, as those of independent errors.

    Parameters
    ----------
    record
        Of the scan.
    person
        Age and sex at the scan.
    reference
        The published norms, or one of the user.
    """
    head, reasons, items = head_size(record), _reasons(record, person, reference), []
    for item in observed(record, among_freesurfer=reference.is_freesurfer):
        defined = definition(record, item)
        if reference.covers(item.key, defined):
            items.append(_placed(item, defined, person, head, reference, reasons))
    return tuple(items)


def curves(
    record: ScanRecord, person: Person, reference: Reference = PUBLISHED, points: int = 60
) -> dict[str, Curve]:
    """Return the curves of the predictions of a scan, by their names.

    Predictions without a reference, such as sex, have none, and nor has any where the sex is not known or
    the card of the model does not allow centiles.
    """
    found: dict[str, Curve] = {}
    head = head_size(record)
    if person.sex is None or reference.refuses(origin_of(record)):
        return {}
    for item in observed(record):
        defined = definition(record, item)
        if item.source == "measured" or "not_allowed" in item.notes:
            continue
        if reference.covers(item.key, defined):
            curve = _curve(item, defined, person.sex, head, reference, points)
            found |= {item.name: curve} if curve else {}
    return found


def _reasons(record: ScanRecord, person: Person, reference: Reference) -> tuple[str, ...]:
    return ("made_otherwise",) if reference.refuses(origin_of(record)) else reasons_of(person)


def _placed(
    item: Centile,
    defined: str,
    person: Person,
    head: HeadSize | None,
    reference: Reference,
    reasons: tuple[str, ...],
) -> Centile:
    notes = (*item.notes, *reasons)
    age, sex = person.age_years, person.sex
    if REASONS.intersection(notes) or age is None or sex is None:
        return replace(item, notes=notes)

    def at(ml: float | None) -> Distribution | None:
        return reference.expect(item.key, defined, age, sex, ml).distribution

    expected = reference.expect(item.key, defined, age, sex, head.ml if head else None)
    notes = (*notes, *expected.notes)
    if expected.distribution is None:
        return replace(item, notes=notes)
    z = expected.distribution.z(item.value)
    limits = None
    if item.interval95 is not None:
        of_volume = [expected.distribution.z(limit) for limit in item.interval95]
        others = [at(ml) for ml in head.limits] if head and head.limits else []
        of_head = [other.z(item.value) for other in others if other is not None] or [z]
        low = z - math.hypot(z - min(of_volume), z - min(z, *of_head))
        high = z + math.hypot(max(of_volume) - z, max(z, *of_head) - z)
        limits = (centile_of(low), centile_of(high))
    return replace(
        item,
        expected=expected.distribution.median,
        z=z,
        centile=centile_of(z),
        centile_interval95=limits,
        notes=notes,
    )


def _curve(
    item: Centile, defined: str, sex: str, head: HeadSize | None, reference: Reference, points: int
) -> Curve | None:
    head_ml = head.ml if head else None
    ages = np.linspace(*reference.ages(item.key, head_ml), points)
    expected = [reference.expect(item.key, defined, float(age), sex, head_ml) for age in ages]
    known = [e.distribution for e in expected if e.distribution is not None]
    if len(known) < points:
        return None
    values = {centile: np.array([d.quantile(centile) for d in known]) for centile in CURVES}
    notes = dict.fromkeys(note for e in expected for note in e.notes if note != "extrapolated")
    return Curve(ages, values, (*(n for n in item.notes if n not in REASONS), *notes))
