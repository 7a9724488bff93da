"""Appearance: the T1-weighted contrast of a shape, without the effects of a scanner."""

from __future__ import annotations

import torch
from torch import Tensor

from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES
from neurofm_bids.pretrain.synthesis.population import Person
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields
from neurofm_bids.pretrain.synthesis.shape import Shape

__all__ = ["ideal_image"]

# Intensity on a scale from cerebral cortex (0) to white matter (1): mean and sd over scanners.
_INTENSITY = {
    "white_matter": (1.0, 0.0),
    "corpus_callosum": (1.03, 0.03),
    "thalamus": (0.90, 0.08),
    "caudate": (0.32, 0.12),
    "putamen": (0.48, 0.12),
    "pallidum": (0.97, 0.10),
    "hippocampus": (0.22, 0.10),
    "amygdala": (0.18, 0.10),
    "accumbens": (0.28, 0.12),
    "ventral_diencephalon": (0.95, 0.10),
    "cerebellar_cortex": (0.12, 0.12),
    "cerebellar_white_matter": (0.90, 0.08),
    "brainstem": (0.88, 0.08),
}
# Nuclei that are darker next to the ventricles; the amount is our own choice.
_SHADED = ("thalamus", "caudate")
# Measured on three heads with FreeSurfer labels, mean and sd: the depth to which CSF darkens each bank of a
# sulcus within the labels (negative: less than half of the voxel at the sheet), and the distance by which the
# visible cortex extends beyond them.
_HIDDEN_CSF_MM = (-0.45, 0.2)
_BEYOND_LABELS_MM = (0.12, 0.12)


def ideal_image(shape: Shape, person: Person, rng: RandomFields) -> Tensor:
    """Return the image of the head before acquisition, white matter at 1, (d, h, w).

    Borders have the width of partial-volume effects. Where the banks of a sulcus meet, a thin sheet of CSF
    darkens the cortex that the labels do not show: its voxels are tissue in the labels and in the targets.
    """
    grey = 1 - rng.normal(0.40, 0.08) * person.contrast
    csf = min(rng.normal(0.17, 0.06), grey - 0.15)
    csf = max(csf, 0.02)
    width = rng.uniform(0.3, 0.7)
    values = {name: grey + (1 - grey) * rng.normal(*of) for name, of in _INTENSITY.items()}
    by_region = [values.get(STRUCTURES[region.structure].name, grey) for region in REGIONS]
    shaded = [float(STRUCTURES[region.structure].name in _SHADED) for region in REGIONS]
    table = torch.tensor([[grey, *by_region], [0.0, *shaded]], device=rng.device).T.contiguous()
    core, nuclei = shape.interpolator.interpolate_labels(shape.anatomy.tensors(rng.device)["core"], table)
    core -= nuclei * _shade(shape, rng, 1 - grey)
    tissue = torch.lerp(torch.full_like(core, grey), core, torch.sigmoid_(shape.core / width))
    tissue *= 1 + _texture(shape, rng)
    tissue -= _lesions(shape, person, rng, 1 - grey)
    hidden = rng.normal(*_HIDDEN_CSF_MM)
    solid = torch.sigmoid_((shape.outer + rng.normal(*_BEYOND_LABELS_MM)) / width)
    solid *= torch.sigmoid_((shape.sulcus - hidden) / rng.uniform(0.35, 0.6))
    image = torch.lerp(_surroundings(shape, rng, csf, grey), tissue, solid)
    inner = csf + shape.choroid * rng.uniform(0.3, 1.0) * (grey - csf)
    image = torch.lerp(image, inner, torch.sigmoid_(shape.lateral / width))
    return torch.lerp(image, torch.full_like(image, csf), torch.sigmoid_(shape.others / width))


def _texture(shape: Shape, rng: RandomFields) -> Tensor:
    texture = rng.white_noise(shape.size) * rng.uniform(0, 0.04)
    texture += rng.smooth_field(shape.size, 30)[0] * rng.uniform(0, 0.05)
    texture += rng.smooth_field(shape.size, 8)[0] * rng.uniform(0, 0.05)
    texture -= shape.hindbrain * rng.white_noise(shape.size).abs_() * rng.uniform(0, 0.08)  # folia
    return texture


def _shade(shape: Shape, rng: RandomFields, contrast: float) -> Tensor:
    """Return the signal that nuclei lose next to the ventricles."""
    near = torch.sigmoid_((torch.maximum(shape.lateral, shape.others) + rng.uniform(3, 6)) / 1.5)
    return near * (contrast * rng.uniform(0, 0.5))


def _lesions(shape: Shape, person: Person, rng: RandomFields, contrast: float) -> Tensor:
    """Return the signal lost in lesions of the white matter around the ventricles."""
    around = torch.sigmoid(shape.lateral + 1 + 6 * person.lesion_load) * (shape.core > 1.5)
    spots = torch.sigmoid_(4 * (rng.smooth_field(shape.size, 25)[0] - 2.5 * (1 - person.lesion_load)))
    return spots * around * (contrast * rng.uniform(0.3, 1.0))


def _surroundings(shape: Shape, rng: RandomFields, csf: float, grey: float) -> Tensor:
    """Return CSF with vessels and meninges, surrounded by skull and bright extracranial tissue."""
    patches = rng.smooth_field(shape.size, 22)[0]
    vessels = torch.sigmoid_(4 * (patches - rng.uniform(0.8, 2.0)))
    dura = torch.exp(-((shape.cranium - rng.uniform(-1, 1.5)) ** 2) / 2) * rng.uniform(0.1, 0.9)
    meninges = torch.maximum(vessels * rng.uniform(0.3, 1.0), dura * torch.sigmoid(2 * patches + 1))
    inside = csf + (grey * rng.uniform(0.8, 1.2) - csf) * meninges
    bright = torch.sigmoid_(3 * (rng.smooth_field(shape.size, 12)[0] - rng.uniform(0, 1)))
    bright *= torch.sigmoid_(-shape.cranium - rng.uniform(1, 5))
    outside = csf * rng.uniform(0.3, 1) + bright * rng.uniform(0.5, 1.6)
    return torch.lerp(outside, inside, torch.sigmoid_(2 * (shape.cranium + rng.uniform(0, 2))))
