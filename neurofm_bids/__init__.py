"""NeuroFM-BIDS: NeuroFM features, brain-health predictions and quality control from T1-weighted MRI."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurofm_bids.api import NeuroFM
    from neurofm_bids.readout import Readout
    from neurofm_bids.readout_estimator import ReadoutEstimator
    from neurofm_bids.result import AttributedBrain, Result, SegmentedBrain, volume_centiles
    from neurofm_bids.transformer import NeuroFMFeatures

__all__ = [
    "AttributedBrain",
    "NeuroFM",
    "NeuroFMFeatures",
    "Readout",
    "ReadoutEstimator",
    "Result",
    "SegmentedBrain",
    "__version__",
    "volume_centiles",
]

# nipype and huggingface_hub would otherwise report their use over the network
os.environ.setdefault("NO_ET", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"  # the only place where it is set: the build reads it here


_HOMES = {
    "AttributedBrain": "result",
    "NeuroFM": "api",
    "NeuroFMFeatures": "transformer",
    "Readout": "readout",
    "ReadoutEstimator": "readout_estimator",
    "Result": "result",
    "SegmentedBrain": "result",
    "volume_centiles": "result",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"neurofm_bids.{_HOMES[name]}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
