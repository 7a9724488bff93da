"""What the report of a participant shows of a scan that readouts are applied to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neurofm_bids.norms.reference import PUBLISHED, Reference
from neurofm_bids.norms.scores import placed_score
from neurofm_bids.readouts.apply import Measured, row_of
from neurofm_bids.readouts.profile import profile
from neurofm_bids.readouts.readout import Readout
from neurofm_bids.readouts.risk import risk_curve
from neurofm_bids.report.contents import Curve, ReadoutAbout, ScanReport

__all__ = ["with_scores"]

_STEPS = 60  # at most, of a drawn curve
_LEVELS = (2.5, 50.0, 97.5)


def with_scores(
    made: ScanReport, readouts: Sequence[Readout], scan: Measured, reference: Reference = PUBLISHED
) -> ScanReport:
    """Return what is shown of a scan with its scores, risks over time, and how the readouts were made.

    Scores have their centiles among the people of a reference that has the readouts.
    """
    risks = {readout.task.name: _risk(readout, scan) for readout in readouts}
    scores = profile(readouts, scan, made.record.quality.status)
    placed = {
        domain: tuple(placed_score(score, made.person, reference) for score in own)
        for domain, own in scores.domains.items()
    }
    return replace(
        made,
        profile=replace(scores, domains=placed),
        readouts={readout.task.name: _about(readout) for readout in readouts},
        risks={name: curve for name, curve in risks.items() if curve is not None},
    )


def _about(readout: Readout) -> ReadoutAbout:
    held_out = readout.evaluation
    return ReadoutAbout(
        readout.task.description,
        readout.training.description,
        tuple((name, metric.value, metric.interval95) for name, metric in held_out.metrics.items()),
        held_out.scheme,
        readout.notes,
    )


def _risk(readout: Readout, scan: Measured) -> Curve | None:
    """Return the risk over time with its limits where the readout has any; None for another kind of task."""
    row, _, _ = row_of(readout, scan)
    if readout.task.kind != "time-to-event" or row is None:
        return None
    curve = risk_curve(readout, row.features, row.covariates)
    places = np.unique(np.linspace(0, len(curve.times) - 1, _STEPS).round().astype(int))
    lines = dict(zip(_LEVELS, (curve.low, curve.risk, curve.high), strict=True))
    shown = {level: line for level, line in lines.items() if np.all(np.isfinite(line))}
    return Curve(
        tuple(np.repeat(curve.times[places], 2)[1:].tolist()),
        {level: tuple(np.repeat(line[places], 2)[:-1].tolist()) for level, line in shown.items()},
        f"Training: {readout.training.description}",
    )
