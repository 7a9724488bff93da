"""What the image quality metrics are computed from: images on one grid, and what several metrics share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.geometry import box
from neurofm_bids.preprocess.quality.background import Air, find_air, thinned
from neurofm_bids.preprocess.quality.contour import Overlap, overlap
from neurofm_bids.preprocess.quality.not_measured import NotMeasuredError
from neurofm_bids.preprocess.quality.sharpness import fwhm
from neurofm_bids.preprocess.quality.tissues import IntensityModel, Tissue, fit_intensities
from neurofm_bids.records.measurement import Registration

__all__ = ["Scan", "ratio"]

_MARGIN = 4


def ratio(a: float, b: float) -> float:
    """Return ``a / b``, NaN where ``b`` is 0.

    >>> ratio(1, 2), ratio(1, 0)
    (0.5, nan)
    """
    return float(a / b) if b else math.nan


@dataclass(frozen=True)
class Scan:
    """Images of one scan, and what is derived from them once.

    Parameters
    ----------
    t1w, corrected, mask
        Images on the same grid: as loaded (offset of the intensities removed), bias-corrected, brain mask.
    registration
        To the template.
    template_mask
        Mask of the template.
    """

    t1w: nib.Nifti1Image
    corrected: nib.Nifti1Image
    mask: nib.Nifti1Image
    registration: Registration
    template_mask: nib.Nifti1Image

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """Voxels of the brain."""
        return np.asarray(self.mask.dataobj) > 0

    @cached_property
    def crop(self) -> tuple[slice, ...]:
        """Box of the brain with a margin of four voxels."""
        ends = [np.flatnonzero(self.inside.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
        corners = np.array([[end[0] for end in ends], [end[-1] for end in ends]])
        return tuple(map(slice, *box(corners, _MARGIN, self.inside.shape)))

    @cached_property
    def brain(self) -> NDArray[np.bool_]:
        """Voxels of the brain, in its box."""
        return np.ascontiguousarray(self.inside[self.crop])

    @cached_property
    def cropped(self) -> NDArray[np.float32]:
        """Bias-corrected intensities in the box of the brain."""
        return np.ascontiguousarray(np.asarray(self.corrected.dataobj)[self.crop], dtype=np.float32)

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """Bias-corrected intensities of the brain."""
        return self.cropped[self.brain].astype(np.float64)

    @cached_property
    def uncorrected(self) -> NDArray[np.float64]:
        """Intensities of the brain before bias correction."""
        return np.asarray(self.t1w.dataobj)[self.crop][self.brain].astype(np.float64)

    @cached_property
    def thirds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The middle and the brightest third of the intensities."""
        low, high = np.quantile(self.values, [1 / 3, 2 / 3])
        return self.values[(self.values >= low) & (self.values < high)], self.values[self.values >= high]

    @cached_property
    def sizes_mm(self) -> NDArray[np.float64]:
        """Sizes of the voxels along the axes of the array."""
        return np.asarray(nib.affines.voxel_sizes(self.t1w.affine))

    @cached_property
    def affine(self) -> NDArray[np.float64]:
        """4x4 matrix that maps points of the scan to points of the template, world RAS+ mm."""
        return np.array(self.registration.affine)

    @cached_property
    def _model(self) -> IntensityModel | None:
        return fit_intensities(self.values)

    @property
    def model(self) -> IntensityModel:
        """The three classes of intensities.

        Raises
        ------
        NotMeasuredError
            The brain has too few intensities for three classes.
        """
        if self._model is None:
            raise NotMeasuredError("the intensities of the brain do not form three classes")
        return self._model

    def tissue(self, name: str) -> Tissue:
        """Return a class of intensities, with the errors of :attr:`model`."""
        return self.model.tissues[name]

    @property
    def white(self) -> float:
        """Median of white matter, or of the brightest third where there are no three classes.

        Raises
        ------
        NotMeasuredError
            It is not above 0: nothing can be measured relative to it.
        """
        median = float(np.median(self.thirds[1])) if self._model is None else self._model.tissues["wm"].median
        if not median > 0:
            part = "the brightest third of the brain" if self._model is None else "white matter"
            raise NotMeasuredError(f"the median intensity of {part} is not above 0")
        return median

    @cached_property
    def _air(self) -> Air | str:
        every, affine = thinned(self.t1w.affine)
        data, inside = np.asarray(self.corrected.dataobj)[every], self.inside[every]
        return find_air(data.astype(np.float32), inside, affine, self.affine, self.white)

    @property
    def air(self) -> Air:
        """The air around the head.

        Raises
        ------
        NotMeasuredError
            There is no air with noise.
        """
        if isinstance(self._air, str):
            raise NotMeasuredError(self._air)
        return self._air

    @property
    def air_sd(self) -> float:
        """Standard deviation in air; 0 where there is no air with noise."""
        return 0.0 if isinstance(self._air, str) else self._air.sd()

    @cached_property
    def bias_field(self) -> NDArray[np.float64]:
        """The bias field in the brain, where there is signal.

        Raises
        ------
        NotMeasuredError
            The bias was not corrected, or no corrected intensity of the brain is above 0.
        """
        if self.corrected is self.t1w or np.array_equal(self.values, self.uncorrected):
            raise NotMeasuredError("the bias was not corrected")
        known = self.values > 0
        if not known.any():
            raise NotMeasuredError("no intensity of the brain is above 0 after bias correction")
        return np.asarray(self.uncorrected[known] / self.values[known])

    @cached_property
    def overlap(self) -> Overlap:
        """How the mask lies on that of the template."""
        return overlap(self.mask, self.template_mask, self.affine)

    @cached_property
    def fwhm(self) -> tuple[float, float, float]:
        """Smoothness along the axes of the array, mm."""
        return fwhm(self.cropped, self.brain, self.sizes_mm)
