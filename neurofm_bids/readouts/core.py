"""What the fit of one kind of target gives to a readout."""

from __future__ import annotations

from dataclasses import dataclass

from neurofm_bids.readouts.readout import Baseline, Evaluation, Linear

__all__ = ["Core"]


@dataclass(frozen=True)
class Core:
    """The fields of a :class:`~neurofm_bids.readouts.readout.Readout` that depend on the kind of its task."""

    functions: tuple[Linear, ...]
    replicates: tuple[tuple[Linear, ...], ...]
    scores: tuple[float, ...]
    evaluation: Evaluation
    thresholds: tuple[float, ...] = ()
    replicate_thresholds: tuple[tuple[float, ...], ...] = ()
    baselines: tuple[Baseline, ...] = ()
    calibration: tuple[float, float] | None = None
    residual_quantile: float | None = None
    notes: tuple[str, ...] = ()
