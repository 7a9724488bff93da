"""Acquisition: the effects of a scanner on an ideal image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn.functional import affine_grid, conv3d, grid_sample, pad

from neurofm_bids.pretrain.synthesis.random_fields import RandomFields

__all__ = [
    "Acquisition",
    "acquire",
    "add_dropout",
    "add_ghost",
    "add_motion",
    "add_ringing",
    "blur",
    "sharpen",
]

_MOTION_DEGREES, _MOTION_MM = 4.0, 4.0
_MOST_MOVES = 4
_CENTRE = 0.08  # part of k-space, on each side of its middle, that is acquired without motion


@dataclass(frozen=True)
class Acquisition:
    """What a scanner does to an image; 0 means not at all.

    Parameters
    ----------
    bias_sd
        Standard deviation of the logarithm of the bias field.
    blur_mm
        Standard deviation of the blur along each axis.
    motion_mm
        Root mean square of the shifts of a head that moves, with rotations of as many degrees.
    ghost
        Intensity of a ghost relative to the image.
    ringing
        Fraction of the spatial frequencies that is lost along an axis.
    dropout
        Largest fraction of the signal that is lost in a ball.
    gamma
        Power of the intensities; 1 leaves them.
    noise_sd
        Of Rician noise; white matter has an intensity of 1.
    """

    bias_sd: float = 0.0
    blur_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    motion_mm: float = 0.0
    ghost: float = 0.0
    ringing: float = 0.0
    dropout: float = 0.0
    gamma: float = 1.0
    noise_sd: float = 0.0


def acquire(image: Tensor, rng: RandomFields, step_mm: int = 2) -> tuple[Tensor, Acquisition]:
    """Return an image with the effects of a random acquisition, and what they are.

    Parameters
    ----------
    image
        From :func:`~neurofm_bids.pretrain.synthesis.appearance.ideal_image`, (d, h, w).
    step_mm
        Voxel size.
    """
    size = tuple(image.shape)
    field = rng.smooth_field(size, 3)[0] * rng.uniform(0, 0.12)
    field += rng.smooth_field(size, 6)[0] * rng.uniform(0, 0.05)
    effects: dict[str, float] = {"bias_sd": float(field.std())}
    image = image * field.exp_()
    blur_mm = _draw_blur(rng)
    image = blur(image, [sd / step_mm for sd in blur_mm])
    if rng.chance(0.12):
        effects["motion_mm"] = rng.uniform(0.1, 1.0) * _MOTION_MM
        image = add_motion(image, rng, effects["motion_mm"], step_mm)
    if rng.chance(0.1):
        effects["ghost"] = rng.uniform(0.02, 0.1)
        image = add_ghost(image, rng, effects["ghost"])
    if rng.chance(0.1):
        effects["ringing"] = rng.uniform(0.1, 0.4)
        image = add_ringing(image, rng, effects["ringing"])
    if rng.chance(0.1):
        effects["dropout"] = rng.uniform(0.2, 0.9)
        image = add_dropout(image, rng, effects["dropout"], step_mm)
    if rng.chance(0.4):
        effects["gamma"] = rng.uniform(0.85, 1.2)
        image = image.clamp(min=0) ** effects["gamma"]
    sd = effects["noise_sd"] = rng.uniform(0, 0.05) if rng.chance(0.85) else rng.uniform(0.05, 0.1)
    noisy = torch.hypot(image + rng.white_noise(size) * sd, rng.white_noise(size) * sd)
    return noisy, Acquisition(blur_mm=blur_mm, **effects)


def _draw_blur(rng: RandomFields) -> tuple[float, float, float]:
    """Draw the blur of each axis in mm: none, that of all axes, or that of thick slices along one."""
    sds = [rng.uniform(0, 0.9) if rng.chance(0.4) else 0.0] * 3
    sds = [sd * rng.uniform(0.5, 1.0) for sd in sds]
    if rng.chance(0.15):
        axis = rng.choice([1, 1, 1])
        sds[axis] = max(sds[axis], rng.uniform(0.8, 2.4))
    return sds[0], sds[1], sds[2]


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


def add_motion(image: Tensor, rng: RandomFields, shift_mm: float, step_mm: int) -> Tensor:
    """Return an image of a head that moves between segments of k-space along a random phase-encoding axis.

    Parameters
    ----------
    shift_mm
        Standard deviation of the shifts along each axis; that of the angles is as many degrees.
    """
    axis = rng.choice([1, 1, 1])
    count = image.shape[axis]
    middle, half = count // 2, max(1, round(_CENTRE * count))
    free = [*range(middle - half), *range(middle + half, count)]
    moves = 1 + rng.choice([1] * _MOST_MOVES)
    cuts = sorted(int(rng.uniform(0, len(free))) for _ in range(moves))
    spectrum = torch.fft.fftshift(torch.fft.fft(image, dim=axis), dim=axis)
    for first, last in zip(cuts, [*cuts[1:], len(free)], strict=True):
        lines = torch.tensor(free[first:last], dtype=torch.long, device=image.device)
        moved = _moved(image, rng, shift_mm, step_mm)
        other = torch.fft.fftshift(torch.fft.fft(moved, dim=axis), dim=axis)
        spectrum.index_copy_(axis, lines, other.index_select(axis, lines))
    result: Tensor = torch.fft.ifft(torch.fft.ifftshift(spectrum, dim=axis), dim=axis)
    return result.abs()


def _moved(image: Tensor, rng: RandomFields, shift_mm: float, step_mm: int) -> Tensor:
    """Return an image of a head in another pose."""
    edges = torch.tensor(image.shape[::-1], dtype=torch.float32)  # grids name the last axis first
    angles = [rng.normal(0, shift_mm * _MOTION_DEGREES / _MOTION_MM) for _ in range(3)]
    turn = torch.tensor(Rotation.from_euler("xyz", angles, degrees=True).as_matrix(), dtype=torch.float32)
    shift = torch.tensor([rng.normal(0, shift_mm / step_mm) for _ in range(3)]) * 2 / edges
    matrix = torch.cat([turn * edges / edges[:, None], shift[:, None]], dim=1).to(image.device)
    grid = affine_grid(matrix[None], [1, 1, *image.shape], align_corners=False)
    moved: Tensor = grid_sample(image[None, None], grid, padding_mode="border", align_corners=False)
    return moved[0, 0]


def add_ghost(image: Tensor, rng: RandomFields, strength: float) -> Tensor:
    """Return an image with a faint ghost, shifted along a random phase-encoding axis."""
    axis = rng.choice([1, 1, 1])
    ghost = torch.roll(image, int(image.shape[axis] / rng.uniform(2, 6)), dims=axis)
    return image + (ghost - image.mean()) * strength


def add_ringing(image: Tensor, rng: RandomFields, lost: float) -> Tensor:
    """Return an image with Gibbs ringing: a fraction of the spatial frequencies of a random axis is lost."""
    axis = rng.choice([1, 1, 1])
    spectrum = torch.fft.rfft(image, dim=axis)
    keep = int(spectrum.shape[axis] * (1 - lost))
    spectrum.narrow(axis, keep, spectrum.shape[axis] - keep).zero_()
    ringing: Tensor = torch.fft.irfft(spectrum, n=image.shape[axis], dim=axis)
    return ringing


def add_dropout(image: Tensor, rng: RandomFields, lost: float, step_mm: int) -> Tensor:
    """Return an image that loses a fraction of its signal in a random ball, as near air cavities."""
    weight = torch.zeros((), device=image.device)
    radius = rng.uniform(10, 24) / step_mm
    for axis, count in enumerate(image.shape):
        along = torch.arange(count, device=image.device) - count * rng.uniform(0.15, 0.85)
        shape = [1, 1, 1]
        shape[axis] = count
        weight = weight + (along**2).reshape(shape)
    return image * (1 - lost * torch.exp(-weight / (2 * radius**2)))
