"""Whether a readout can be applied to features that were made in some way."""

from __future__ import annotations

from neurofm_bids.readouts.readout import Readout
from neurofm_bids.records.origin import Origin, make_origin

__all__ = ["refusal"]


def refusal(readout: Readout, origin: Origin) -> str:
    """Return why a readout cannot be applied to what was made so; empty if it can.

    What was fitted on the latent features depends on no segmentation.
    """
    own = readout.origin
    if readout.feature_set == "latent":
        made = make_origin(own.pipeline_version, own.weights_sha256, None, own.parameters)
        return _fitted(made.difference(origin))
    if origin.anatomy_weights_sha256 is None:
        return "it needs the volumes of regions, and the brain is not segmented"
    return _fitted(own.difference(origin))


def _fitted(difference: str) -> str:
    return f"its features were {difference}" if difference else ""
