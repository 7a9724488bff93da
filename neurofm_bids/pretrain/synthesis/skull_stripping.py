"""Skull-stripping: brain masks of different styles, as different tools produce them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool3d

from neurofm_bids.pretrain.synthesis.random_fields import RandomFields
from neurofm_bids.pretrain.synthesis.shape import Shape

__all__ = ["STYLES", "draw_mask"]

# with their probabilities
STYLES = {"cranium": 0.45, "tight": 0.2, "tissue": 0.15, "thresholded": 0.1, "ragged": 0.1}
_SPECKLE = 0.4  # a voxel stays if more of the 27 around it are bright


def draw_mask(shape: Shape, image: Tensor, rng: RandomFields, style: str | None = None) -> tuple[Tensor, str]:
    """Return a soft brain mask, (d, h, w) with values of 0 to 1, and its style.

    ``cranium``: a contour near the inner skull, all CSF kept. ``tight``: a contour between that and the
    brain. ``tissue``: no CSF around the brain, ventricles kept or not. ``thresholded``: what is brighter than
    an intensity between CSF and cortex, which loses partial volume and some cortex. ``ragged``: with remnants
    of tissue outside the cranial cavity.

    Parameters
    ----------
    image
        The head with its skull, (d, h, w).
    """
    style = style or list(STYLES)[rng.choice(list(STYLES.values()))]
    if style == "thresholded":
        return _thresholded(shape, image, rng), style
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


def _thresholded(shape: Shape, image: Tensor, rng: RandomFields) -> Tensor:
    """Return the tissue by its intensity, filled or with the ventricles cut out, (d, h, w)."""
    cortex = shape.brain * (shape.core < -1)
    csf, grey = (float((image * part).sum() / part.sum()) for part in (shape.csf, cortex))
    bright = (shape.cranium > 0) & (image > csf + (grey - csf) * rng.uniform(0.3, 0.8))
    around = avg_pool3d(bright[None].float(), 3, stride=1, padding=1)[0]
    mask = bright & (around > _SPECKLE)
    if rng.chance(0.6):
        inner = torch.minimum(shape.core, shape.outer)
        mask |= torch.maximum(inner, torch.maximum(shape.lateral, shape.others)) > 0
    return mask.float()
