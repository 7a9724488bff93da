"""Anatomies: what the synthesis needs of a label map, as smooth fields and regions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurofm_bids.pretrain.anatomy.distances import (
    cranial_cavity,
    distance_from_sulci,
    gaussian_smooth,
    nearest_label,
    signed_distance,
)
from neurofm_bids.pretrain.anatomy.label_map import CODES
from neurofm_bids.pretrain.anatomy.region_grid import RegionGrid, region_grid
from neurofm_bids.pretrain.anatomy.region_map import CORTEX, LATERAL, VENTRICLES, region_map, region_numbers

__all__ = ["ARRAYS", "FIELDS", "LABELS", "Anatomy", "load_anatomy", "prepare_anatomy"]

FIELDS = ("lateral", "others", "outer", "sulcus", "core", "cranium", "choroid", "hindbrain")
LABELS = ("core", "cortex", "ventricles")
ARRAYS = ("fields", "core", "cortex", "ventricles", "fractions", "weights", "inverse")


@dataclass(frozen=True)
class Anatomy:
    """The fields and regions of one label map, 1 mm LIA.

    Parameters
    ----------
    name
        File name without extension.
    fields
        float32, shape (d, h, w, 8), in the order of :data:`FIELDS`. The first six are depths in mm, positive
        inside: lateral ventricles, other ventricles, brain (tissue and ventricles), distance from the sheets
        on which the two banks of a sulcus meet (positive everywhere), everything but cerebral cortex, cranial
        cavity. The last two are fractions: choroid plexus, cerebellum and brainstem.
    labels
        uint8, shape (d, h, w) each, by the names of :data:`LABELS`: number, from 1, of the nearest of the
        regions that are neither cortex nor ventricle, that are cortex, and that are ventricles.
    grid
        The regions on a coarse grid.
    cranium_ml
        Volume of the cranial cavity.
    folder
        Folder that holds the arrays, if they are saved: other processes then read them from there.
    """

    name: str
    fields: NDArray[np.float32]
    labels: dict[str, NDArray[np.uint8]]
    grid: RegionGrid
    cranium_ml: float
    folder: Path | None = None

    @property
    def region_ml(self) -> NDArray[np.float64]:
        """Volumes of the regions in the map, (42,)."""
        return self.grid.volumes_ml[:-1]

    @property
    def lateral_ml(self) -> float:
        """Volume of the lateral ventricles with inferior horns and choroid plexus."""
        return float(self.region_ml[np.array(LATERAL) - 1].sum())

    @property
    def brain_ml(self) -> float:
        """Volume of the tissue of the brain, without ventricles."""
        return float(np.delete(self.region_ml, np.array(VENTRICLES) - 1).sum())

    @property
    def digest(self) -> str:
        """Identifier of the label map's content, or its name if the anatomy is not saved."""
        return self.name if self.folder is None else self.folder.name

    def tensors(self, device: torch.device) -> dict[str, Tensor]:
        """Return the arrays by the names of :data:`ARRAYS`; a GPU keeps them for the next call."""
        if device.type == "cpu" or self.folder is None:
            return {name: torch.from_numpy(array).to(device) for name, array in self._arrays().items()}
        return _on_device(self.folder, device)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        grid = {name: getattr(self.grid, name) for name in ("fractions", "weights", "inverse")}
        return {"fields": self.fields, **self.labels, **grid}

    def save(self, folder: Path) -> None:
        """Write the arrays into a folder."""
        for name, array in self._arrays().items():
            np.save(folder / f"{name}.npy", array)
        np.save(folder / "cranium_ml.npy", self.cranium_ml)

    def __reduce__(self) -> str | tuple[Any, ...]:
        return super().__reduce__() if self.folder is None else (load_anatomy, (self.name, self.folder))


def load_anatomy(name: str, folder: Path) -> Anatomy:
    """Return a saved anatomy; its arrays are memory-mapped, so that processes share them."""
    arrays = {array: np.load(folder / f"{array}.npy", mmap_mode="c") for array in ARRAYS}
    grid = RegionGrid(*(arrays.pop(array) for array in ("fractions", "weights", "inverse")))
    cranium = float(np.load(folder / "cranium_ml.npy"))
    return Anatomy(name, arrays.pop("fields"), arrays, grid, cranium, folder)


@lru_cache(maxsize=256)
def _on_device(folder: Path, device: torch.device) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.load(folder / f"{name}.npy")).to(device) for name in ARRAYS}


def prepare_anatomy(name: str, labels: NDArray[np.int16]) -> Anatomy:
    """Compute the fields of a label map, which takes about half a minute.

    Parameters
    ----------
    name
        Of the map.
    labels
        Codes of FreeSurfer with parcels of the cortex, sizes multiples of 4, from
        :func:`~neurofm_bids.pretrain.anatomy.label_map.read_label_map`.
    """
    regions = region_map(labels)
    cortex, ventricles = np.isin(regions, CORTEX), np.isin(regions, VENTRICLES)
    lateral = np.isin(regions, LATERAL)
    brain = regions > 0
    tissue = brain & ~ventricles
    core = nearest_label(regions, tissue & ~cortex)
    nearest_is_cortex = np.isin(nearest_label(regions, tissue), CORTEX)
    cranium = cranial_cavity(brain, labels)
    fields: dict[str, NDArray[Any]] = {
        "lateral": signed_distance(lateral),
        "others": signed_distance(ventricles & ~lateral),
        "outer": signed_distance(brain),
        "sulcus": distance_from_sulci(brain & ~cortex, cranium),
        "core": -signed_distance(nearest_is_cortex),
        "cranium": gaussian_smooth(signed_distance(cranium), 1.5),
        "choroid": gaussian_smooth(np.isin(labels, CODES["choroid plexus"]), 0.5),
        "hindbrain": gaussian_smooth(np.isin(core, region_numbers("hindbrain")) & ~nearest_is_cortex, 1.0),
    }
    stack = np.stack([fields[field] for field in FIELDS], axis=-1).astype(np.float32)
    nearest = {
        "core": core,
        "cortex": nearest_label(regions, cortex),
        "ventricles": nearest_label(regions, ventricles),
    }
    return Anatomy(name, stack, nearest, region_grid(regions, cranium), np.count_nonzero(cranium) / 1000)
