"""Encoding: a model-grid volume in, features and predictions out."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.predictions import Prediction, summarise

if TYPE_CHECKING:
    import torch

    from neurofm_bids.model.weights import LoadedModel

__all__ = ["Encoder", "Encoding", "choose_device", "lattice_views", "zscore"]

_SHAPE = (256, 256, 256)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Encoding:
    """What the network made of one volume.

    Parameters
    ----------
    features
        Latent vector, mean over the views, float32, shape (n,).
    predictions
        One for each target.
    views
        Number of lattice phases averaged.
    zscore_mean, zscore_sd
        Statistics of the whole cube that standardised it.
    """

    features: NDArray[np.float32]
    predictions: tuple[Prediction, ...]
    views: int
    zscore_mean: float
    zscore_sd: float


def zscore(volume: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, float]:
    """Standardise a volume with the mean and sd of the whole cube, background included.

    Raises
    ------
    NeuroFMError
        The volume is not 256^3, not finite or constant.
    """
    if volume.shape != _SHAPE:
        raise NeuroFMError(f"the network reads 256x256x256 voxels, not {volume.shape}")
    mean = float(volume.mean(dtype=np.float64))
    sd = float(volume.std(dtype=np.float64))
    if not np.isfinite(mean) or not np.isfinite(sd):
        raise NeuroFMError("the volume has voxels that are not finite")
    if sd == 0:
        raise NeuroFMError("the volume is constant")
    return ((volume - np.float32(mean)) / np.float32(sd)).astype(np.float32), mean, sd


def lattice_views(volume: NDArray[np.float32], views: int) -> NDArray[np.float32]:
    """Return the first lattice phases of a volume, shape (views, 1, 128, 128, 128).

    The network reads every second voxel, so a volume holds eight such lattices; the first is the one that
    the published single pass reads.
    """
    phases = list(product((0, 1), repeat=3))[:views]
    return np.stack([volume[x::2, y::2, z::2] for x, y, z in phases])[:, None]


def choose_device(name: str) -> torch.device:
    """Return the device to run on.

    Parameters
    ----------
    name
        ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises
    ------
    NeuroFMError
        The device asked for is not there.
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
            "there is no such device here", where=name, fix="Use --device cpu or auto.", code=Exit.USAGE
        )
    return device


class Encoder:
    """A loaded model on a device.

    Parameters
    ----------
    loaded
        Network, registry entry and hash.
    device
        See :func:`choose_device`.
    batch_size
        Views in one pass; halved, and said so, when the device runs out of memory. By default 1 on a CPU,
        where more are no faster and each takes 0.8 GB, and 8 on a GPU.
    """

    def __init__(self, loaded: LoadedModel, device: str = "auto", batch_size: int | None = None) -> None:
        self.spec = loaded.spec
        self._device = choose_device(device)
        self._network = loaded.network.to(self._device).eval()
        self._batch_size = batch_size or (1 if self._device.type == "cpu" else 8)

    def encode(self, volume: NDArray[np.float32], views: int = 8) -> Encoding:
        """Return features and predictions of one model-grid volume.

        Parameters
        ----------
        volume
            256^3 voxels of 1 mm, LIA, zero background, not standardised.
        views
            Lattice phases to average, 1 to 8.

        Raises
        ------
        NeuroFMError
            The volume is not 256^3, not finite or constant.
        """
        standard, mean, sd = zscore(volume)
        latent, heads = self._forward(lattice_views(standard, views))
        predictions = summarise(heads, self.spec)
        return Encoding(latent.mean(axis=0).astype(np.float32), predictions, views, mean, sd)

    def _forward(
        self, lattices: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
        import torch

        start, parts = 0, []
        with torch.inference_mode():
            while start < len(lattices):
                batch = torch.from_numpy(lattices[start : start + self._batch_size]).to(self._device)
                try:
                    outputs = self._network.forward_lattice(batch)
                except torch.cuda.OutOfMemoryError:
                    self._halve()
                    continue
                parts.append([value.double().cpu().numpy() for value in outputs])
                start += len(batch)
        latent, age, sex, ventricular, brain = (np.concatenate(values) for values in zip(*parts, strict=True))
        return latent, {"age": age, "sex": sex, "ventricular_volume": ventricular, "brain_volume": brain}

    def _halve(self) -> None:
        if self._batch_size == 1:
            raise NeuroFMError(
                "the device has too little memory for one view", fix="Use --device cpu.", code=Exit.TRY_AGAIN
            )
        self._batch_size //= 2
        _log.warning("The device ran out of memory; the batch is now %d views.", self._batch_size)
