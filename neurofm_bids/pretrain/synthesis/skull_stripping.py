"""Skull-stripping: brain masks of different styles, as different tools produce them."""

from __future__ import annotations

import torch
from torch import Tensor

from neurofm_bids.pretrain.synthesis.random_fields import RandomFields
from neurofm_bids.pretrain.synthesis.shape import Shape

__all__ = ["STYLES", "draw_mask"]

STYLES = {"cranium": 0.5, "tight": 0.25, "tissue": 0.15, "ragged": 0.1}  # with their probabilities


def draw_mask(shape: Shape, rng: RandomFields, style: str | None = None) -> tuple[Tensor, str]:
    """Return a soft brain mask, (d, h, w) with values of 0 to 1, and its style.

    ``cranium``: a contour near the inner skull, all CSF kept. ``tight``: a contour between that and the
    brain. ``tissue``: no CSF around the brain, ventricles kept or not. ``ragged``: with remnants of tissue
    outside the cranial cavity.
    """
    style = style or list(STYLES)[rng.choice(list(STYLES.values()))]
    wobble = rng.smooth_field(shape.size, 7)[0] * rng.uniform(0, 1.2)
    if style == "tissue":
        depth = torch.minimum(shape.outer, shape.sulcus - 0.25) + rng.uniform(0, 0.5)
        if rng.chance(0.4):
            depth = torch.minimum(depth, -torch.maximum(shape.lateral, shape.others))
    elif style == "tight":
        depth = torch.lerp(shape.outer, shape.cranium, rng.uniform(0.2, 0.9)) + rng.uniform(0, 1.5) + wobble
    else:
        depth = shape.cranium + rng.uniform(-2.0, 3.0) + wobble
    if style == "ragged":
        remnants = 3 * (rng.smooth_field(shape.size, 9)[0] - rng.uniform(0.3, 1.2))
        depth = torch.maximum(depth, torch.minimum(remnants, shape.cranium + rng.uniform(3, 10)))
    width = rng.uniform(0.2, 0.5) if rng.chance(0.5) else 0.05
    mask = torch.sigmoid_(depth / width)
    mask[mask < 0.02] = 0
    return mask, style
