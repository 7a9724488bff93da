"""What the Python interface returns for one scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import Exit, NeuroFMError

if TYPE_CHECKING:
    from pathlib import Path

    from neurofm_bids.records.anatomy import Anatomy
    from neurofm_bids.records.attribution import Attribution
    from neurofm_bids.records.centile import Centile
    from neurofm_bids.records.flag import Flag
    from neurofm_bids.records.judgement import Judgement
    from neurofm_bids.records.prediction import Prediction
    from neurofm_bids.records.scan import ScanRecord

__all__ = ["AttributedBrain", "Result", "SegmentedBrain", "volume_centiles"]


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

    @property
    def quality(self) -> Judgement:
        """Whether the scan can be used: ok, check or fail, with the reasons."""
        return self.record.quality

    def centiles(
        self, age_years: float, sex: str, *, reference: str | Path | None = None
    ) -> tuple[Centile, ...]:
        """Return where the volumes lie among those of healthy people, see :func:`volume_centiles`."""
        return volume_centiles(self.record, age_years, sex, reference=reference)

    def to_dict(self) -> dict[str, Any]:
        """Return the record ready for JSON: equal to the ``predictions.json`` that the command writes."""
        return self.record.to_dict()


def volume_centiles(
    record: ScanRecord, age_years: float, sex: str, *, reference: str | Path | None = None
) -> tuple[Centile, ...]:
    """Return where the volumes of a scan lie among those of healthy people of an age, sex and head size.

    Parameters
    ----------
    record
        Of the scan, such as :attr:`Result.record`.
    age_years, sex
        Of the person at the scan; ``F`` or ``M``.
    reference
        File that ``--make-reference`` wrote; by default the published norms of NOMIS.

    Raises
    ------
    neurofm_bids.errors.NeuroFMError
        The sex is neither F nor M, or the reference cannot be read or was made otherwise than the record.
    """
    from pathlib import Path

    from neurofm_bids.bids.demographics import Person
    from neurofm_bids.norms.centiles import centiles
    from neurofm_bids.norms.reference import PUBLISHED
    from neurofm_bids.norms.user_reference import read_reference
    from neurofm_bids.records.origin import origin_of

    if sex not in {"F", "M"}:
        raise NeuroFMError(f"the sex is {sex!r}", fix="Use F or M.", code=Exit.USAGE)
    chosen = PUBLISHED if reference is None else read_reference(Path(reference))
    if why := chosen.refuses(origin_of(record)):
        raise NeuroFMError(
            f"the reference cannot be used for this scan: it was {why}",
            where=reference,
            fix="Use a reference of scans that were made like this one.",
        )
    return centiles(record, Person(age_years, sex=sex), chosen)


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


@dataclass(frozen=True)
class AttributedBrain:
    """What the places of one brain contribute to targets of the model.

    Parameters
    ----------
    maps
        Units per ml on the grid of the image, float32, (x, y, z, targets).
    attributions
        What each map is of, in their order, by target.
    """

    maps: nib.Nifti1Image = field(repr=False)
    attributions: Mapping[str, Attribution]

    def map(self, target: str) -> nib.Nifti1Image:
        """Return the map of one target, (x, y, z)."""
        volume = list(self.attributions).index(target)
        return nib.Nifti1Image(np.asarray(self.maps.dataobj[..., volume]), self.maps.affine)
