"""The networks of a process: loaded once, used for scan after scan."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from neurofm_bids.config import Processing

if TYPE_CHECKING:
    from neurofm_bids.anatomy.weights import AnatomyModel
    from neurofm_bids.model.encoder import Encoder

__all__ = ["device_type", "load_encoder", "load_segmenter"]


@lru_cache(maxsize=1)
def load_encoder(processing: Processing) -> Encoder:
    """Return the encoder that the settings ask for.

    Raises
    ------
    NeuroFMError
        The device is not available, or the weights were not found.
    """
    from neurofm_bids.model.encoder import Encoder
    from neurofm_bids.model.weights import load_model

    return Encoder(load_model(processing.model, processing.weights), processing)


@lru_cache(maxsize=1)
def load_segmenter(device: str) -> AnatomyModel:
    """Return the segmentation network on a device.

    Raises
    ------
    NeuroFMError
        The device is not available, or the weights cannot be read.
    """
    from neurofm_bids.anatomy.weights import load_anatomy_model
    from neurofm_bids.model.device import choose_device

    model = load_anatomy_model()
    model.network.to(choose_device(device))
    return model


def device_type(processing: Processing) -> str:
    """Load the encoder and return the kind of device it runs on (``cpu``, ``cuda`` or ``mps``)."""
    return load_encoder(processing).device.type
