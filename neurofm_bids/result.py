"""What the Python interface returns for one scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from neurofm_bids.records.anatomy import Anatomy
    from neurofm_bids.records.flag import Flag
    from neurofm_bids.records.prediction import Prediction
    from neurofm_bids.records.scan import ScanRecord

__all__ = ["Result", "SegmentedBrain"]


@dataclass(frozen=True)
class Result:
    """Result of one scan.

    Parameters
    ----------
    record
        Everything that was measured and predicted, and how; the same as the command writes.
    features
        Latent vector, float32, shape (n,).
    grid
        The volume that the network read: 256^3 voxels of 1 mm, LIA, before the z-score.
    """

    record: ScanRecord
    features: NDArray[np.float32] = field(repr=False)
    grid: nib.Nifti1Image = field(repr=False)

    @property
    def predictions(self) -> Mapping[str, Prediction]:
        """Predictions by name, such as ``age``, ``sex``, ``ventricular_volume`` and ``brain_volume``."""
        return self.record.predictions

    @property
    def image_quality(self) -> Mapping[str, float | None]:
        """Image quality metrics by name; None where the image does not allow one."""
        return self.record.image_quality

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Warnings about the image or its predictions."""
        return self.record.flags

    def to_dict(self) -> dict[str, Any]:
        """Return the record ready for JSON: equal to the ``predictions.json`` that the command writes."""
        return self.record.to_dict()


@dataclass(frozen=True)
class SegmentedBrain:
    """The segmentation of one scan.

    Parameters
    ----------
    labels
        Codes of FreeSurfer on the grid of the image.
    anatomy
        Volumes of the regions.
    """

    labels: nib.Nifti1Image = field(repr=False)
    anatomy: Anatomy
