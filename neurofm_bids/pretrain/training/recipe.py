"""Recipe: all settings of a training except the label maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["SMOKE", "Recipe"]


@dataclass(frozen=True)
class Recipe:
    """All settings of a training except the label maps.

    Parameters
    ----------
    variant
        ``s``, ``m`` or ``l``.
    steps
        Optimiser steps; over the last fraction ``decay_fraction`` of them the learning rate falls to zero.
    batch_size
        Samples per step, over all processes.
    learning_rate
        Of AdamW, after ``warmup_steps``.
    ema_update
        Weight of the current weights in their exponential moving average, which is evaluated and exported.
    precision
        Of the blocks' weights and maps during training: ``bfloat16`` or ``float32``.
    target_weight
        Weight of the four targets of the whole brain in the loss: initial, final, and the number of steps
        over which it changes.
    passes, round_size
        See :class:`~neurofm_bids.pretrain.training.data.SampleOrder`.
    held_out
        Names of the label maps that are held out; None for the last fifth of them.
    held_out_samples
        Number of samples of the held-out label maps.
    calibration_samples
        Number of samples that give the statistics of batch normalisation for random initial weights.
    initial_sha256
        SHA-256 of the initial weights, or None if they are random.
    """

    variant: str = "s"
    steps: int = 7000
    batch_size: int = 4
    learning_rate: float = 2e-3
    warmup_steps: int = 100
    decay_fraction: float = 0.3
    ema_update: float = 0.006
    precision: str = "bfloat16"
    target_weight: tuple[float, float, int] = (0.05, 1.5, 3500)
    passes: int = 2
    round_size: int = 800
    seed: int = 20261124
    held_out: tuple[str, ...] | None = None
    held_out_samples: int = 64
    calibration_samples: int = 12
    initial_sha256: str | None = None

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step."""
        warmup = min(1.0, (step + 1) / self.warmup_steps)
        remaining = (self.steps - step) / (self.decay_fraction * self.steps)
        return self.learning_rate * warmup * min(1.0, max(remaining, 0.0))

    def target_weight_at(self, step: int) -> float:
        """Return the weight of the whole-brain targets at a step."""
        initial, final, steps = self.target_weight
        return initial + (final - initial) * min(1.0, step / steps)


SMOKE: dict[str, Any] = {
    "steps": 4,
    "batch_size": 2,
    "round_size": 8,
    "held_out_samples": 2,
    "warmup_steps": 2,
    "calibration_samples": 1,
}
