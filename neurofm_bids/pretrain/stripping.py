"""Stripping: the ways in which tools cut a brain out of its head."""

from __future__ import annotations

import torch
from torch import Tensor

from neurofm_bids.pretrain.dice import Dice
from neurofm_bids.pretrain.shape import Shape

__all__ = ["STYLES", "strip"]

STYLES = {"cranium": 0.5, "tight": 0.25, "tissue": 0.15, "ragged": 0.1}


def strip(shape: Shape, dice: Dice, style: str | None = None) -> tuple[Tensor, str]:
    """Return the weight of each voxel in the stripped image, (d, h, w), and the style.

    ``cranium``: a contour near the inner skull, all CSF kept. ``tight``: a contour between that and the
    brain. ``tissue``: no CSF around the brain, ventricles kept or not. ``ragged``: with remnants of what lies
    outside.
    """
    style = style or list(STYLES)[dice.choice(list(STYLES.values()))]
    wobble = dice.smooth(shape.size, 7)[0] * dice.uniform(0, 1.2)
    if style == "tissue":
        depth = torch.minimum(shape.outer, shape.ridge - 0.25) + dice.uniform(0, 0.5)
        if dice.chance(0.4):
            depth = torch.minimum(depth, -torch.maximum(shape.lateral, shape.others))
    elif style == "tight":
        depth = torch.lerp(shape.outer, shape.cranium, dice.uniform(0.2, 0.9)) + dice.uniform(0, 1.5) + wobble
    else:
        depth = shape.cranium + dice.uniform(-2.0, 3.0) + wobble
    if style == "ragged":
        bits = 3 * (dice.smooth(shape.size, 9)[0] - dice.uniform(0.3, 1.2))
        depth = torch.maximum(depth, torch.minimum(bits, shape.cranium + dice.uniform(3, 10)))
    sharp = dice.uniform(0.2, 0.5) if dice.chance(0.5) else 0.05
    weight = torch.sigmoid_(depth / sharp)
    weight[weight < 0.02] = 0
    return weight, style
