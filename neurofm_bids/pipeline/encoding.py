"""The encoder of a worker: loaded once per process, used for scan after scan."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from neurofm_bids.config import Config

if TYPE_CHECKING:
    from neurofm_bids.model.encoder import Encoder

__all__ = ["device_type", "load_encoder"]


@lru_cache(maxsize=1)
def load_encoder(config: Config) -> Encoder:
    """Return the encoder that the settings ask for.

    On a CPU it has one thread: scans are encoded side by side, and the last bits of the results do not depend
    on how many.

    Raises
    ------
    NeuroFMError
        There is no such device, or no weights.
    """
    import torch

    from neurofm_bids.model.encoder import Encoder
    from neurofm_bids.model.weights import load_model

    torch.set_num_threads(1)
    return Encoder(
        load_model(config.processing.model, config.processing.weights),
        device=config.processing.device,
        batch_size=config.processing.batch_size,
        precision=config.processing.precision,
    )


def device_type(config: Config) -> str:
    """Load the encoder and return the kind of device it runs on (``cpu``, ``cuda`` or ``mps``)."""
    return load_encoder(config).device.type
