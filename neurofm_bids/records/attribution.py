"""What the voxels of one scan contribute to a number that the network computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from pydantic.dataclasses import dataclass

from neurofm_bids.records.schema import RECORD

__all__ = ["Attribution", "RegionAttribution"]


@dataclass(frozen=True, config=RECORD)
class RegionAttribution:
    """What a region has of a map.

    Parameters
    ----------
    share
        Of the sum of absolute values over all voxels, 0 to 1.
    sum
        Integral over the region, in units of the number.
    per_ml
        Mean over the region, in units of the number per ml.
    """

    share: float
    sum: float
    per_ml: float


@dataclass(frozen=True, config=RECORD)
class Attribution:
    """Integrated gradients of one number.

    Parameters
    ----------
    long_name, units
        Of the number.
    output, baseline_output
        The number for the scan and for the baseline, mean over the views.
    completeness_error
        The next, relative to the difference of both outputs; None where these are equal.
    absolute_completeness_error
        Distance of the sum over voxels from the difference of both outputs, in units of the number.
    steps
        Nodes of the integral.
    regions
        By name in FreeSurferColorLUT.txt; empty without segmentation.
    readout_digest
        Of the file of the readout whose score the number is; None of a target of the model.
    """

    long_name: str
    units: str
    output: float
    baseline_output: float
    completeness_error: float | None
    absolute_completeness_error: float
    steps: int
    regions: Mapping[str, RegionAttribution] = field(default_factory=dict)
    readout_digest: str | None = None
