"""Where and in which precision the network runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from neurofm_bids.errors import Exit, NeuroFMError

if TYPE_CHECKING:
    import torch

__all__ = ["choose_device"]

_log = logging.getLogger(__name__)


def choose_device(name: str) -> torch.device:
    """Return the device to run on.

    Parameters
    ----------
    name
        ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises
    ------
    NeuroFMError
        The device is not available.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
        _log.info("The network runs on %s.", name)
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise NeuroFMError(
            "unknown device", where=name, fix="Use auto, cpu, cuda, cuda:N or mps.", code=Exit.USAGE
        ) from error
    there = {
        "cpu": True,
        "cuda": (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(device.type, False):
        raise NeuroFMError(
            "device not available", where=name, fix="Use --device cpu or auto.", code=Exit.USAGE
        )
    return device
