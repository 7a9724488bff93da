"""Artefacts and faults for benchmarks/quality_faults.py, each with 20 strengths from hardly visible to gross.

An artefact changes the intensities of a T1w with its darkest signal at zero; a fault of the header or of the
mask changes the image as a file would have it. From ``gross`` on, a fault is called gross: a limit that was
set before its metrics were measured, from what a person would exclude at a glance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Volume = NDArray[np.float32]


@dataclass(frozen=True)
class Head:
    """A T1w as loaded, its brain mask, its brightness and voxel sizes in mm."""

    image: nib.Nifti1Image
    mask: NDArray[np.bool_]

    @property
    def data(self) -> Volume:
        """Intensities."""
        return np.asarray(self.image.dataobj, dtype=np.float32)

    @property
    def bright(self) -> float:
        """White matter, roughly: median of the brightest third of the brain."""
        values = self.data[self.mask]
        return float(np.median(values[values >= np.quantile(values, 2 / 3)]))

    @property
    def sizes(self) -> NDArray[np.float64]:
        """Voxel sizes, mm."""
        return np.asarray(nib.affines.voxel_sizes(self.image.affine))

    def axis(self, world: int) -> int:
        """Return the axis of the array along a world axis (0 left-right, 1 front-back, 2 up-down)."""
        return int(np.flatnonzero(nib.io_orientation(self.image.affine)[:, 0] == world)[0])

    def top_is_last(self) -> bool:
        """Tell whether the last slice from bottom to top is the top of the head."""
        return bool(nib.io_orientation(self.image.affine)[self.axis(2), 1] > 0)


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Parameters
    ----------
    strengths
        20 of them, in ``unit``, in ascending order of harm.
    gross
        Strength from which on it is gross; None where it is mild at all of them.
    inject
        Returns the image with the fault; of a fault of the mask, the mask.
    metric, sign
        Metric that is to follow the strength, and whether it rises (1) or falls (-1).
    further
        Metrics that were found to follow it too, with their sign, where the first does so only roughly.
    kind
        ``image`` for artefacts of intensities, ``file`` for what changes the grid or the contrast, so that
        every step of the pipeline must run, ``mask`` where ``inject`` returns a brain mask.
    """

    unit: str
    strengths: tuple[float, ...]
    gross: float
    inject: Callable[[Head, float], nib.Nifti1Image]
    metric: str
    sign: int
    kind: str = "image"
    further: tuple[tuple[str, int], ...] = ()


def like(head: Head, data: NDArray[np.floating]) -> nib.Nifti1Image:
    """Return an image on the grid of a head, with its header."""
    return nib.Nifti1Image(data.astype(np.float32), head.image.affine, head.image.header)


def noise(head: Head, sd: float) -> nib.Nifti1Image:
    """Add Rician noise; ``sd`` is a share of the brightness."""
    rng = np.random.default_rng(1)
    real, imaginary = (rng.normal(0, sd * head.bright, head.data.shape).astype(np.float32) for _ in range(2))
    return like(head, np.hypot(head.data + real, imaginary))


def blur(head: Head, fwhm_mm: float) -> nib.Nifti1Image:
    """Smooth with a Gaussian."""
    return like(head, ndimage.gaussian_filter(head.data, fwhm_mm / 2.3548 / head.sizes))


def ghost(head: Head, amplitude: float) -> nib.Nifti1Image:
    """Subtract a ghost: a share of the image, half the field of view from front to back."""
    axis = head.axis(1)
    moved = np.roll(head.data, head.data.shape[axis] // 2, axis)
    return like(head, np.abs(head.data - amplitude * moved))


def truncated(head: Head, left_out: float) -> nib.Nifti1Image:
    """Make edges ring: leave a share of k-space out, the highest frequencies from front to back."""
    axis = head.axis(1)
    space = fft.fft(head.data, axis=axis, workers=1)
    n = head.data.shape[axis]
    zeroed = np.abs(fft.fftfreq(n)) > 0.5 * (1 - left_out)
    space[tuple(zeroed if i == axis else slice(None) for i in range(3))] = 0
    return like(head, np.abs(fft.ifft(space, axis=axis, workers=1)))


def motion(head: Head, mm: float) -> nib.Nifti1Image:
    """Move the head from front to back while k-space is read: eight places with an sd of ``mm``."""
    axis = head.axis(1)
    n = head.data.shape[axis]
    rng = np.random.default_rng(3)
    places = np.repeat(rng.normal(0, 1, 8), -(-n // 8))[:n] * mm / head.sizes[axis]
    frequency = fft.fftfreq(n)
    order = np.argsort(np.argsort(frequency))  # lines are read from one edge of k-space to the other
    phase = np.exp(-2j * np.pi * frequency * places[order]).astype(np.complex64)
    space = fft.fft(head.data, axis=axis, workers=1)
    space *= phase.reshape([-1 if i == axis else 1 for i in range(3)])
    return like(head, np.abs(fft.ifft(space, axis=axis, workers=1)))


def spike(head: Head, amplitude: float) -> nib.Nifti1Image:
    """Add stripes, as of a spike in k-space; ``amplitude`` is a share of the brightness."""
    indices = np.meshgrid(
        *(np.arange(n, dtype=np.float32) for n in head.data.shape), indexing="ij", sparse=True
    )
    wave = np.cos(2 * np.pi * (0.21 * indices[0] + 0.13 * indices[1] + 0.05 * indices[2]))
    return like(head, np.abs(head.data + amplitude * head.bright * wave))


def bias(head: Head, amplitude: float) -> nib.Nifti1Image:
    """Multiply with a smooth field, up to ``exp(amplitude)`` and more in the corners."""
    axes = [np.linspace(-1, 1, n, dtype=np.float32) for n in head.data.shape]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    field = np.exp(np.float32(amplitude) * (0.6 * x + 0.5 * y - 0.7 * z + 0.4 * x * y))
    return like(head, head.data * field)


def cut(head: Head, mm: float) -> nib.Nifti1Image:
    """Leave the top of the brain out of the field of view."""
    axis = head.axis(2)
    held = np.flatnonzero(head.mask.any(axis=tuple(i for i in range(3) if i != axis)))
    steps = round(mm / head.sizes[axis])
    first, end = (0, held[-1] + 1 - steps) if head.top_is_last() else (held[0] + steps, head.mask.shape[axis])
    return head.image.slicer[tuple(slice(first, end) if i == axis else slice(None) for i in range(3))]


def turned(head: Head, degrees: float) -> nib.Nifti1Image:
    """Turn the head about the left-right axis by its header."""
    turn = nib.affines.from_matvec(nib.eulerangles.euler2mat(0, 0, np.radians(degrees)))
    turn = turn[[2, 0, 1, 3]][:, [2, 0, 1, 3]]
    return with_affine(head, turn @ head.image.affine)


def scaled(head: Head, factor: float) -> nib.Nifti1Image:
    """Make all voxel sizes in the header wrong by a factor."""
    return with_affine(head, np.diag([factor] * 3 + [1.0]) @ head.image.affine)


def with_affine(head: Head, affine: NDArray[np.float64]) -> nib.Nifti1Image:
    """Return the image with another affine in both forms."""
    image = nib.Nifti1Image(head.data, affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    return image


def inverted(head: Head, share: float) -> nib.Nifti1Image:
    """Mix the image with its negative, where there is signal."""
    data = head.data
    negative = np.where(data > 0.1 * head.bright, np.maximum(1.3 * head.bright - data, 0), data)
    return like(head, (1 - share) * data + share * negative)


def t2_like(head: Head, share: float) -> nib.Nifti1Image:
    """Mix the image with the contrast of T2: fluid brightest, white matter darkest."""
    known = np.array([0, 0.1, 0.3, 0.65, 1.0, 1.5]) * head.bright
    other = np.array([0, 0.6, 1.4, 0.8, 0.5, 0.7]) * head.bright
    data = head.data
    return like(head, (1 - share) * data + share * np.interp(data, known, other))


def clipped(head: Head, share: float) -> nib.Nifti1Image:
    """Clip the brightest ``share`` of the brain."""
    return like(head, np.minimum(head.data, np.quantile(head.data[head.mask], 1 - share)))


def missing(head: Head, count: float) -> nib.Nifti1Image:
    """Blank slices spread over the brain from bottom to top."""
    axis = head.axis(2)
    held = np.flatnonzero(head.mask.any(axis=tuple(i for i in range(3) if i != axis)))
    places = np.rint(np.linspace(held[len(held) // 4], held[-len(held) // 4], int(count))).astype(int)
    if count == 1:
        places = held[[len(held) // 2]]
    data = head.data.copy()
    data[tuple(places if i == axis else slice(None) for i in range(3))] = 0
    return like(head, data)


def small_mask(head: Head, mm: float) -> nib.Nifti1Image:
    """Return a mask whose contour lies ``mm`` inside the right one."""
    depth = ndimage.distance_transform_edt(head.mask, sampling=head.sizes)
    return nib.Nifti1Image((depth > mm).astype(np.uint8), head.image.affine)


def large_mask(head: Head, mm: float) -> nib.Nifti1Image:
    """Return a mask whose contour lies ``mm`` outside the right one."""
    distance = ndimage.distance_transform_edt(~head.mask, sampling=head.sizes)
    return nib.Nifti1Image((distance <= mm).astype(np.uint8), head.image.affine)


def steps(low: float, high: float) -> tuple[float, ...]:
    """Return 20 strengths in equal ratios."""
    return tuple(float(f"{value:.3g}") for value in np.geomspace(low, high, 20))


def even(low: float, high: float) -> tuple[float, ...]:
    """Return 20 strengths in equal steps."""
    return tuple(float(f"{value:.3g}") for value in np.linspace(low, high, 20))


FAULTS = {
    "noise": Fault("of white matter", steps(0.01, 0.5), 0.2, noise, "snr_wm", -1),
    "blur": Fault("mm FWHM", steps(1, 16), 8, blur, "fwhm_mean_mm", 1),
    "ghosting": Fault("of the image", steps(0.01, 0.6), 0.3, ghost, "air_ghosting", 1),
    "ringing": Fault("of k-space left out", even(0.05, 0.9), 0.75, truncated, "fwhm_mean_mm", 1),
    "motion": Fault("mm sd", steps(0.1, 10), 3, motion, "cjv", 1, further=(("snr_wm", -1),)),
    "spikes": Fault("of white matter", steps(0.01, 0.5), 0.2, spike, "ringing", 1),
    "bias": Fault("log amplitude", steps(0.05, 2.0), 1.0, bias, "inu_range", 1, "file"),
    "cut field of view": Fault("mm", even(3, 60), 20, cut, "cut_fraction", 1, "file"),
    "wrong orientation": Fault("degrees", even(9, 180), 90, turned, "rotation_degrees", 1, "file"),
    "scaled voxels": Fault("factor", even(1.05, 2.0), 1.4, scaled, "template_scale", -1, "file"),
    "inverted contrast": Fault(
        "share",
        even(0.05, 1.0),
        0.7,
        inverted,
        "core_rim_ratio",
        -1,
        "file",
        further=(("template_correlation", -1),),
    ),
    "other contrast": Fault("share of T2", even(0.05, 1.0), 0.7, t2_like, "core_rim_ratio", -1, "file"),
    "clipped intensities": Fault("of the brain", steps(0.001, 0.7), 0.3, clipped, "clipped_share", 1),
    "missing slices": Fault(
        "slices",
        tuple(map(float, range(1, 21))),
        3,
        missing,
        "slice_jump",
        1,
        further=(("template_correlation", -1),),
    ),
    "mask too small": Fault("mm", even(1, 20), 8, small_mask, "mask_missing", 1, "mask"),
    "mask too large": Fault(
        "mm", even(1, 20), 8, large_mask, "mask_leak", 1, "mask", further=(("template_scale", -1),)
    ),
}
