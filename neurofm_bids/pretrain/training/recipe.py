"""Recipe: all settings of a training except the label maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neurofm_bids.config import PRECISIONS
from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.option import WholeNumber, option

__all__ = ["ADAMW", "ANATOMY", "AUTO", "MUON", "SMOKE", "Recipe"]

ANATOMY = "anatomy"  # the network that segments
AUTO = "auto"
ADAMW, MUON = "adamw", "muon"


@dataclass(frozen=True)
class Recipe:
    """All settings of a training except the label maps; those that are options say there what they are.

    Parameters
    ----------
    learning_rate
        After ``warmup_steps``; over the last part ``decay_fraction`` of the steps it falls to zero.
    ema_update
        Weight of the current weights in their exponential moving average, which is evaluated and exported.
    target_weight
        Weight of the four targets of the whole brain in the loss: initial, final, and the number of samples
        over which it changes.
    round_size
        See :class:`~neurofm_bids.pretrain.training.data.SampleOrder`.
    held_out_samples
        Number of samples of the held-out label maps.
    calibration_samples
        Number of samples that give the statistics of batch normalisation for random initial weights.
    initial_sha256
        SHA-256 of the initial weights, or None if they are random.
    """

    variant: str = option(
        "--variant",
        default="s",
        choices=(*ARCHITECTURES, ANATOMY),
        help="architecture of NeuroFM, or anatomy, the network that segments",
    )
    steps: int = option("--steps", default=7000, convert=WholeNumber(), help="optimiser steps")
    batch_size: int = option(
        "--batch", default=4, convert=WholeNumber(), help="samples per step of all processes"
    )
    learning_rate: float = option("--learning-rate", default=2e-3, convert=float, help="peak learning rate")
    optimizer: str = option(
        "--optimizer",
        default=ADAMW,
        choices=(ADAMW, MUON),
        help="optimiser; muon updates the filters of convolutions, and adamw the rest",
    )
    warmup_steps: int = 100
    decay_fraction: float = option(
        "--decay",
        default=0.3,
        convert=float,
        help="last part of the steps, over which the rate falls",
    )
    ema_update: float = 0.006
    precision: str = option(
        "--precision",
        default=AUTO,
        choices=(AUTO, *PRECISIONS),
        help="precision of the blocks; auto measures which is fastest on this processor",
    )
    target_weight: tuple[float, float, int] = (0.05, 1.5, 14_000)
    passes: int = option(
        "--passes", default=2, convert=WholeNumber(), help="number of times each sample is used"
    )
    round_size: int = 800
    seed: int = option("--seed", default=20261124, convert=int, help="random seed")
    held_out: tuple[str, ...] | None = option(
        "--held-out",
        default=None,
        many=True,
        metavar="MAP",
        default_text="the last fifth",
        help="label maps not trained on",
    )
    held_out_samples: int = 64
    calibration_samples: int = 12
    initial_sha256: str | None = None

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step."""
        warmup = min(1.0, (step + 1) / self.warmup_steps)
        constant = (1 - self.decay_fraction) * self.steps
        remaining = (self.steps - step) / max(self.steps - constant, 1)
        return self.learning_rate * warmup * min(1.0, max(remaining, 0.0))

    def target_weight_at(self, step: int) -> float:
        """Return the weight of the whole-brain targets at a step."""
        initial, final, samples = self.target_weight
        return initial + (final - initial) * min(1.0, step * self.batch_size / samples)


SMOKE: dict[str, Any] = {
    "steps": 4,
    "batch_size": 2,
    "round_size": 8,
    "held_out_samples": 2,
    "warmup_steps": 2,
    "calibration_samples": 1,
}
