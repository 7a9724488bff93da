"""Views: the lattices that the network can read of one volume."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from nibabel.affines import from_matvec
from numpy.typing import NDArray

from neurofm_bids.config import MAX_VIEWS
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.geometry import PHASES
from neurofm_bids.preprocess.model_grid import grid_values

__all__ = ["LATTICE_SIZE", "Volume", "lattices", "read_volume", "view_transform"]

LATTICE_SIZE = 128
_SHAPE = (2 * LATTICE_SIZE,) * 3
_JITTER_DEGREES = 2.0
_JITTER_MM = 1.0
_BUFFER = 8192  # values that numpy sums at a time
_MARGIN = 8  # voxels that a jittered brain can reach beyond its box; even


@dataclass(frozen=True)
class Volume:
    """A model-grid volume as the box outside of which it is background.

    Parameters
    ----------
    box
        Voxels as given, float32; starts and ends at even voxels of the volume.
    start
        First voxel of the box.
    background
        Value of every voxel outside of the box.
    mean, sd
        Of the whole cube of 256^3 voxels, background included.
    """

    box: NDArray[np.float32]
    start: tuple[int, int, int]
    background: float
    mean: float
    sd: float

    def standardise(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return z-scores with the statistics of the whole cube, float32."""
        return ((values - np.float32(self.mean)) / np.float32(self.sd)).astype(np.float32, copy=False)

    @property
    def standard_background(self) -> float:
        """The background's z-score."""
        return float(self.standardise(np.array([self.background], dtype=np.float32))[0])

    @cached_property
    def spline(self) -> NDArray[np.float32]:
        """Coefficients of the cubic spline through the box, widened by 8 voxels of background."""
        from scipy.ndimage import spline_filter

        wide = np.pad(self.box, _MARGIN, constant_values=self.background)
        return np.asarray(spline_filter(wide, order=3, output=np.float32))


def read_volume(volume: NDArray[np.generic], zscore: Literal["float32", "float64"] = "float64") -> Volume:
    """Check a model-grid volume and find its box and statistics.

    Parameters
    ----------
    volume
        256^3 voxels of 1 mm, LIA, real numbers; all voxels outside of the brain have one value.
    zscore
        Precision in which mean and sd are summed. ``float32`` reproduces the standardised fixtures of the
        published reference bit for bit; its sd is off by up to 1e-5, which the large networks notice.

    Raises
    ------
    NeuroFMError
        The volume is not 256^3, not of real numbers, not finite or constant.
    """
    values = grid_values(volume)
    background = values[0, 0, 0]
    brain = values != background
    spans = []
    for axis in range(3):
        inside = np.flatnonzero(brain.any(axis=tuple({0, 1, 2} - {axis})))
        if not len(inside):
            raise NeuroFMError("the volume is constant", fix="Check how the volume was made.")
        spans.append((int(inside[0]) // 2 * 2, int(inside[-1]) // 2 * 2 + 2))
    box = values[tuple(slice(*span) for span in spans)].copy()
    start = (spans[0][0], spans[1][0], spans[2][0])
    statistics = _statistics(box, float(background))
    if zscore == "float32":
        mean = _float32_mean(values)
        with np.errstate(over="ignore"):
            statistics = float(mean), float(np.sqrt(_float32_mean(np.square(values - mean))))
        if not (np.isfinite(statistics).all() and statistics[1] > 0):
            raise NeuroFMError("the intensities exceed the range of float32", fix="Rescale the volume.")
    return Volume(box, start, float(background), *statistics)


def _float32_mean(values: NDArray[np.float32]) -> np.float32:
    """Return the mean with float32 sums in blocks, as numpy buffers them: as in the reference's fixtures."""
    sums = values.reshape(-1, _BUFFER).sum(axis=1)
    return np.float32(np.cumsum(sums, dtype=np.float32)[-1] / np.float32(values.size))


def _statistics(box: NDArray[np.float32], background: float) -> tuple[float, float]:
    total = float(np.prod(_SHAPE))
    outside = total - box.size
    mean = (float(box.sum(dtype=np.float64)) + outside * background) / total
    squares = float(np.square(box.astype(np.float64) - mean).sum()) + outside * (background - mean) ** 2
    return mean, float(np.sqrt(squares / total))


def lattices(volume: Volume, views: int) -> tuple[NDArray[np.float32], tuple[int, int, int]]:
    """Return the first views of a volume.

    The network reads every second voxel, so a volume holds eight lattices: they are the first eight views,
    and the very first is the one that the published single pass reads. Further views are turned by up to
    2 degrees about each axis and shifted by up to 1 mm along it, around the middle of the brain, and
    resampled once (cubic); they are the same for every volume.

    Parameters
    ----------
    views
        1 to :data:`~neurofm_bids.config.MAX_VIEWS`.

    Returns
    -------
    boxes, start
        z-scores, float32, shape (views, d, h, w), and the first voxel of the boxes in the lattice of 128^3.
    """
    if not 1 <= views <= MAX_VIEWS:
        raise NeuroFMError(f"{views} views", fix=f"Choose 1 to {MAX_VIEWS}.")
    boxes = [volume.box[x::2, y::2, z::2] for x, y, z in PHASES[:views]]
    start = np.array(volume.start) // 2
    if views > len(PHASES):
        wide = [(_MARGIN // 2, _MARGIN // 2)] * 3
        boxes = [np.pad(view, wide, constant_values=volume.background) for view in boxes]
        boxes += list(_jittered(volume, views - len(PHASES)))
        start = start - _MARGIN // 2
        inside = tuple(slice(max(0, -first), LATTICE_SIZE - first) for first in start)
        boxes = [view[inside] for view in boxes]
        start = np.maximum(start, 0)
    return volume.standardise(np.stack(boxes)), (int(start[0]), int(start[1]), int(start[2]))


def _jittered(volume: Volume, count: int) -> Iterator[NDArray[np.float32]]:
    """Yield turned and shifted lattices of the box widened by 8 voxels."""
    from scipy.ndimage import affine_transform

    shape = tuple(n // 2 for n in volume.spline.shape)
    for number in range(count):
        matrix, offset = _jitter(volume, number)
        yield affine_transform(
            volume.spline, matrix, offset, shape, order=3, cval=volume.background, prefilter=False
        )


def _jitter(volume: Volume, number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return matrix and offset from voxels of a jittered lattice to those of the box widened by 8 voxels."""
    from scipy.spatial.transform import Rotation

    middle = (np.array(volume.box.shape) + 2 * _MARGIN - 1) / 2
    rng = np.random.default_rng(number)
    angles = rng.uniform(-_JITTER_DEGREES, _JITTER_DEGREES, 3)
    shift = rng.uniform(-_JITTER_MM, _JITTER_MM, 3)
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    return 2 * turn, middle - turn @ middle + shift


def view_transform(volume: Volume, view: int) -> NDArray[np.float64]:
    """Return the 4x4 matrix from voxels of the lattice of 128^3 that a view reads to those of the volume.

    >>> cube = Volume(np.zeros((4, 4, 4), np.float32), (0, 0, 0), 0.0, 0.0, 1.0)
    >>> view_transform(cube, 1)[0].tolist()
    [2.0, 0.0, 0.0, 1.0]
    """
    if view < len(PHASES):
        return np.asarray(from_matvec(2 * np.eye(3), PHASES[view]))
    matrix, offset = _jitter(volume, view - len(PHASES))
    corner = np.array(volume.start) - _MARGIN  # of the widened box in the volume
    return np.asarray(from_matvec(matrix, offset + corner - matrix @ (corner // 2)))
