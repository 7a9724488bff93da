"""Head size: how the intracranial volume that is measured relates to FreeSurfer's eTIV."""

from __future__ import annotations

from dataclasses import dataclass

from neurofm_bids.norms.published import ETIV_ML
from neurofm_bids.records.scan import ScanRecord

__all__ = ["CRANIUM_PER_ETIV", "ETIV_SD_ML", "HeadSize", "etiv_ml", "head_size"]

# Of people of one sex: the sd that explains the sd of brain volume of 224 people of AOMIC PIOP2 (Snoek et al.
# 2021, Sci Data 8:85; ``benchmarks/make_norms.py``). The means are those to which the norms belong.
ETIV_SD_ML = dict(zip(ETIV_ML, (108.0, 122.0), strict=True))
# The cranial cavity of label maps (a closed contour around the brain) per FreeSurfer's eTIV: with it, people
# whose ventricles are as large as those of 16 maps fill their cavities as these (benchmarks/label_maps.py).
CRANIUM_PER_ETIV = 0.93


@dataclass(frozen=True)
class HeadSize:
    """The measured intracranial volume of a scan in ml, and its limits (95%) where there are any."""

    ml: float
    limits: tuple[float, float] | None = None


def head_size(record: ScanRecord) -> HeadSize | None:
    """Return the measured head size of a scan, or None if it was not measured.

    An image that was skull-stripped before, or by the mask of another program, lacks the fluid that was
    removed, so its head size is not known.
    """
    if record.anatomy is None or record.measurements.brain_extraction.method != "deepbet":
        return None
    volume = record.anatomy.volumes.get("intracranial")
    if volume is None or volume.mm3 <= 0:
        return None
    low, high = volume.interval95 or (None, None)
    limits = None if low is None or high is None else (low / 1000, high / 1000)
    return HeadSize(volume.mm3 / 1000, limits)


def etiv_ml(intracranial_ml: float) -> float:
    """Return the eTIV that belongs to a measured intracranial volume, both in ml.

    >>> round(etiv_ml(1320.6))
    1420
    """
    return intracranial_ml / CRANIUM_PER_ETIV
