"""Acquisition: the effects of a scanner on an ideal image."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv3d, pad

from neurofm_bids.pretrain.synthesis.random_fields import RandomFields

__all__ = ["acquire", "add_dropout", "add_ghost", "add_ringing", "blur", "sharpen"]


def acquire(image: Tensor, rng: RandomFields, step_mm: int = 2) -> Tensor:
    """Return an image with the effects of a scanner: bias field, blur, artefacts, gamma, Rician noise.

    Parameters
    ----------
    image
        From :func:`~neurofm_bids.pretrain.synthesis.appearance.ideal_image`, (d, h, w).
    step_mm
        Voxel size.
    """
    size = tuple(image.shape)
    image = image * torch.exp(rng.smooth_field(size, 3)[0] * rng.uniform(0, 0.12))
    image = image * torch.exp(rng.smooth_field(size, 6)[0] * rng.uniform(0, 0.05))
    if rng.chance(0.4):
        image = blur(image, [rng.uniform(0, 0.9) / step_mm for _ in range(3)])
    if rng.chance(0.15):
        sigmas = [0.0, 0.0, 0.0]
        sigmas[rng.choice([1, 1, 1])] = rng.uniform(0.8, 2.4) / step_mm
        image = blur(image, sigmas)
    if rng.chance(0.1):
        image = add_ghost(image, rng)
    if rng.chance(0.1):
        image = add_ringing(image, rng)
    if rng.chance(0.1):
        image = add_dropout(image, rng, step_mm)
    if rng.chance(0.4):
        image = image.clamp(min=0) ** rng.uniform(0.85, 1.2)
    sd = rng.uniform(0, 0.05) if rng.chance(0.85) else rng.uniform(0.05, 0.1)
    return torch.hypot(image + rng.white_noise(size) * sd, rng.white_noise(size) * sd)


def sharpen(image: Tensor, rng: RandomFields) -> Tensor:
    """Return an image with or without the overshoot at edges that filters and cubic resampling leave."""
    if not rng.chance(0.4):
        return image
    return image + (image - blur(image, [0.5, 0.5, 0.5])) * rng.uniform(0, 0.35)


def blur(image: Tensor, sigmas: list[float]) -> Tensor:
    """Return an image smoothed by a Gaussian with a standard deviation in voxels for each axis."""
    for axis, sigma in enumerate(sigmas):
        if sigma < 0.15:
            continue
        radius = max(1, round(2.5 * sigma))
        kernel = torch.exp(-(torch.arange(-radius, radius + 1, device=image.device) ** 2) / (2 * sigma**2))
        shape, sides = [1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]
        shape[axis + 2] = len(kernel)
        sides[4 - 2 * axis] = sides[5 - 2 * axis] = radius
        padded = pad(image[None, None], sides, mode="replicate")
        image = conv3d(padded, (kernel / kernel.sum()).reshape(shape))[0, 0]
    return image


def add_ghost(image: Tensor, rng: RandomFields) -> Tensor:
    """Return an image with a faint ghost, shifted along a random phase-encoding axis."""
    axis = rng.choice([1, 1, 1])
    ghost = torch.roll(image, int(image.shape[axis] / rng.uniform(2, 6)), dims=axis)
    return image + (ghost - image.mean()) * rng.uniform(0.02, 0.1)


def add_ringing(image: Tensor, rng: RandomFields) -> Tensor:
    """Return an image with Gibbs ringing: no high spatial frequencies along a random axis."""
    axis = rng.choice([1, 1, 1])
    spectrum = torch.fft.rfft(image, dim=axis)
    keep = int(spectrum.shape[axis] * rng.uniform(0.6, 0.9))
    spectrum.narrow(axis, keep, spectrum.shape[axis] - keep).zero_()
    ringing: Tensor = torch.fft.irfft(spectrum, n=image.shape[axis], dim=axis)
    return ringing


def add_dropout(image: Tensor, rng: RandomFields, step_mm: int) -> Tensor:
    """Return an image that loses signal in a random ball, as near air cavities."""
    weight = torch.zeros((), device=image.device)
    radius = rng.uniform(10, 24) / step_mm
    for axis, count in enumerate(image.shape):
        along = torch.arange(count, device=image.device) - count * rng.uniform(0.15, 0.85)
        shape = [1, 1, 1]
        shape[axis] = count
        weight = weight + (along**2).reshape(shape)
    return image * (1 - rng.uniform(0.2, 0.9) * torch.exp(-weight / (2 * radius**2)))
