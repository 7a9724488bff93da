"""Recipe: what a training is, but for the label maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["SMOKE", "Recipe"]


@dataclass(frozen=True)
class Recipe:
    """What a training is, but for the label maps.

    Parameters
    ----------
    variant
        ``s``, ``m`` or ``l``.
    steps
        Steps of the optimiser; over the last ``decay`` of them the rate falls to zero.
    batch
        Samples per step, over all processes.
    rate
        Of AdamW, after ``warmup`` steps.
    average
        Part of the new weights in the running average that is validated and shipped.
    precision
        Of the blocks' weights and maps while they learn: ``bfloat16`` or ``float32``.
    pooled
        Weight of the four targets of the whole brain: first, last, and the steps in between.
    passes, round_size
        See :class:`~neurofm_bids.pretrain.samples.Schedule`.
    held_out
        Names of the maps that serve validation only; None for the last fifth of them.
    validation
        Number of samples of the held-out maps.
    calibration
        Number of samples from which the statistics of normalisation are taken, where weights are random.
    initial
        SHA-256 of the weights that training began with, or None if it began with random ones.
    """

    variant: str = "s"
    steps: int = 7000
    batch: int = 4
    rate: float = 2e-3
    warmup: int = 100
    decay: float = 0.3
    average: float = 0.006
    precision: str = "bfloat16"
    pooled: tuple[float, float, int] = (0.05, 1.5, 3500)
    passes: int = 2
    round_size: int = 800
    seed: int = 20261124
    held_out: tuple[str, ...] | None = None
    validation: int = 64
    calibration: int = 12
    initial: str | None = None

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step."""
        rising = min(1.0, (step + 1) / self.warmup)
        left = (self.steps - step) / (self.decay * self.steps)
        return self.rate * rising * min(1.0, max(left, 0.0))

    def pooled_at(self, step: int) -> float:
        """Return the weight of the pooled targets at a step."""
        first, last, over = self.pooled
        return first + (last - first) * min(1.0, step / over)


SMOKE: dict[str, Any] = {
    "steps": 4,
    "batch": 2,
    "round_size": 8,
    "validation": 2,
    "warmup": 2,
    "calibration": 1,
}
