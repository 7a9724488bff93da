"""Appearance: the T1-weighted image of a shape, with what scanners do to it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv3d, pad

from neurofm_bids.pretrain.anatomy import TISSUES, Anatomy
from neurofm_bids.pretrain.cohort import Person
from neurofm_bids.pretrain.dice import Dice
from neurofm_bids.pretrain.shape import Shape

__all__ = ["acquire", "paint", "sharpen"]

# Place between cerebral cortex (0) and white matter (1), mean and sd over scanners.
_BRIGHTNESS = {
    "white": (1.0, 0.0),
    "thalamus": (0.82, 0.08),
    "caudate": (0.32, 0.12),
    "putamen": (0.48, 0.12),
    "pallidum": (0.97, 0.10),
    "hippocampus": (0.22, 0.10),
    "amygdala": (0.18, 0.10),
    "accumbens": (0.28, 0.12),
    "ventral diencephalon": (0.95, 0.10),
    "cerebellar cortex": (0.12, 0.12),
    "cerebellar white": (0.90, 0.08),
    "brainstem": (0.88, 0.08),
}
# Measured on three heads with FreeSurfer labels: how far within the labels CSF darkens each bank of a sulcus
# (below zero: less than half of the voxel at the sheet), and how far beyond them cortex is seen.
_HIDDEN_CSF_MM = (-0.45, 0.2)
_SEEN_BEYOND_MM = (0.12, 0.12)


def paint(shape: Shape, anatomy: Anatomy, person: Person, dice: Dice) -> Tensor:
    """Return the image of head and surroundings before the scanner, white matter at 1, (d, h, w).

    Borders are as wide as partial volume makes them. Where the banks of a sulcus meet, a thin sheet of CSF
    darkens the cortex although the labels show none: its voxels are tissue in the labels and in the targets.
    """
    grey = dice.normal(0.60, 0.08)
    fluid = min(dice.normal(0.17, 0.06), grey - 0.15)
    fluid = max(fluid, 0.02)
    width = dice.uniform(0.3, 0.7)
    table = torch.tensor(
        [grey + (1 - grey) * dice.normal(*_BRIGHTNESS[name]) for name in TISSUES], device=dice.device
    )
    core = shape.sampler.read_coded(anatomy.on(dice.device)[1], table)
    tissue = torch.lerp(torch.full_like(core, grey), core, torch.sigmoid_(shape.core / width))
    tissue *= 1 + _texture(shape, dice)
    tissue -= _lesions(shape, person, dice, 1 - grey)
    hidden = dice.normal(*_HIDDEN_CSF_MM)
    solid = torch.sigmoid_((shape.outer + dice.normal(*_SEEN_BEYOND_MM)) / width)
    solid *= torch.sigmoid_((shape.ridge - hidden) / dice.uniform(0.35, 0.6))
    image = torch.lerp(_surroundings(shape, dice, fluid, grey), tissue, solid)
    inner = fluid + shape.choroid * dice.uniform(0.3, 1.0) * (grey - fluid)
    image = torch.lerp(image, inner, torch.sigmoid_(shape.lateral / width))
    return torch.lerp(image, torch.full_like(image, fluid), torch.sigmoid_(shape.others / width))


def _texture(shape: Shape, dice: Dice) -> Tensor:
    texture = dice.noise(shape.size) * dice.uniform(0, 0.04)
    texture += dice.smooth(shape.size, 30)[0] * dice.uniform(0, 0.05)
    texture += dice.smooth(shape.size, 8)[0] * dice.uniform(0, 0.05)
    texture -= shape.hind * dice.noise(shape.size).abs_() * dice.uniform(0, 0.08)  # folia
    return texture


def _lesions(shape: Shape, person: Person, dice: Dice, contrast: float) -> Tensor:
    """Return what dark spots in the white matter around the ventricles take away."""
    around = torch.sigmoid(shape.lateral + 1 + 6 * person.lesion_load) * (shape.core > 1.5)
    spots = torch.sigmoid_(4 * (dice.smooth(shape.size, 25)[0] - 2.5 * (1 - person.lesion_load)))
    return spots * around * (contrast * dice.uniform(0.3, 1.0))


def _surroundings(shape: Shape, dice: Dice, fluid: float, grey: float) -> Tensor:
    """Return CSF with vessels and meninges in it, then skull and what is bright outside of it."""
    patches = dice.smooth(shape.size, 22)[0]
    vessels = torch.sigmoid_(4 * (patches - dice.uniform(0.8, 2.0)))
    dura = torch.exp(-((shape.cranium - dice.uniform(-1, 1.5)) ** 2) / 2) * dice.uniform(0.1, 0.9)
    meninges = torch.maximum(vessels * dice.uniform(0.3, 1.0), dura * torch.sigmoid(2 * patches + 1))
    inside = fluid + (grey * dice.uniform(0.8, 1.2) - fluid) * meninges
    bright = torch.sigmoid_(3 * (dice.smooth(shape.size, 12)[0] - dice.uniform(0, 1)))
    bright *= torch.sigmoid_(-shape.cranium - dice.uniform(1, 5))
    outside = fluid * dice.uniform(0.3, 1) + bright * dice.uniform(0.5, 1.6)
    return torch.lerp(outside, inside, torch.sigmoid_(2 * (shape.cranium + dice.uniform(0, 2))))


def acquire(image: Tensor, dice: Dice, step_mm: int = 2) -> Tensor:
    """Return an image as a scanner gives it: bias, resolution, motion, ringing, drop-out, Rician noise.

    Parameters
    ----------
    image
        From :func:`paint`, (d, h, w).
    step_mm
        Distance of its voxels.
    """
    size = tuple(image.shape)
    image = image * torch.exp(dice.smooth(size, 3)[0] * dice.uniform(0, 0.12))
    image = image * torch.exp(dice.smooth(size, 6)[0] * dice.uniform(0, 0.05))
    if dice.chance(0.4):
        image = _blur(image, [dice.uniform(0, 0.9) / step_mm for _ in range(3)])
    if dice.chance(0.15):
        sigmas = [0.0, 0.0, 0.0]
        sigmas[dice.choice([1, 1, 1])] = dice.uniform(0.8, 2.4) / step_mm
        image = _blur(image, sigmas)
    if dice.chance(0.1):
        image = _ghost(image, dice)
    if dice.chance(0.1):
        image = _ring(image, dice)
    if dice.chance(0.1):
        image = _drop_out(image, dice, step_mm)
    if dice.chance(0.4):
        image = image.clamp(min=0) ** dice.uniform(0.85, 1.2)
    sd = dice.uniform(0, 0.05) if dice.chance(0.85) else dice.uniform(0.05, 0.1)
    return torch.hypot(image + dice.noise(size) * sd, dice.noise(size) * sd)


def sharpen(image: Tensor, dice: Dice) -> Tensor:
    """Return an image with the overshoot at edges that filters and cubic resampling leave, or as it is."""
    if not dice.chance(0.4):
        return image
    return image + (image - _blur(image, [0.5, 0.5, 0.5])) * dice.uniform(0, 0.35)


def _blur(image: Tensor, sigmas: list[float]) -> Tensor:
    """Smooth by a Gaussian, sd in voxels along each axis."""
    for axis, sigma in enumerate(sigmas):
        if sigma < 0.15:
            continue
        reach = max(1, round(2.5 * sigma))
        kernel = torch.exp(-(torch.arange(-reach, reach + 1, device=image.device) ** 2) / (2 * sigma**2))
        shape, sides = [1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]
        shape[axis + 2] = len(kernel)
        sides[4 - 2 * axis] = sides[5 - 2 * axis] = reach
        padded = pad(image[None, None], sides, mode="replicate")
        image = conv3d(padded, (kernel / kernel.sum()).reshape(shape))[0, 0]
    return image


def _ghost(image: Tensor, dice: Dice) -> Tensor:
    """Add a faint copy moved along the phase-encoding axis."""
    axis = dice.choice([1, 1, 1])
    moved = torch.roll(image, int(image.shape[axis] / dice.uniform(2, 6)), dims=axis)
    return image + (moved - image.mean()) * dice.uniform(0.02, 0.1)


def _ring(image: Tensor, dice: Dice) -> Tensor:
    """Cut high spatial frequencies off along one axis."""
    axis = dice.choice([1, 1, 1])
    spectrum = torch.fft.rfft(image, dim=axis)
    keep = int(spectrum.shape[axis] * dice.uniform(0.6, 0.9))
    spectrum.narrow(axis, keep, spectrum.shape[axis] - keep).zero_()
    ringing: Tensor = torch.fft.irfft(spectrum, n=image.shape[axis], dim=axis)
    return ringing


def _drop_out(image: Tensor, dice: Dice, step_mm: int) -> Tensor:
    """Darken a ball, as air beside the brain does."""
    weight = torch.zeros((), device=image.device)
    radius = dice.uniform(10, 24) / step_mm
    for axis, count in enumerate(image.shape):
        along = torch.arange(count, device=image.device) - count * dice.uniform(0.15, 0.85)
        shape = [1, 1, 1]
        shape[axis] = count
        weight = weight + (along**2).reshape(shape)
    return image * (1 - dice.uniform(0.2, 0.9) * torch.exp(-weight / (2 * radius**2)))
