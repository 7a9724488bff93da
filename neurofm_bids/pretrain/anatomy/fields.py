"""Anatomies: what the synthesis needs of a label map, as smooth fields."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pretrain.anatomy.distances import (
    cranial_cavity,
    distance_from_sulci,
    gaussian_smooth,
    nearest_label,
    signed_distance,
)
from neurofm_bids.pretrain.anatomy.label_map import (
    REGIONS,
    TISSUES,
    find_label_maps,
    label_map_name,
    read_label_map,
)

__all__ = ["FIELDS", "Anatomy", "label_map_digest", "load_anatomies", "prepare_anatomy"]

_VERSION = "2"  # raise it when the fields of the same label map change

FIELDS = ("lateral", "others", "outer", "sulcus", "core", "cranium", "choroid", "hindbrain")


@dataclass(frozen=True)
class Anatomy:
    """The fields of one label map.

    Parameters
    ----------
    name
        File name without extension.
    fields
        float32, shape (d, h, w, 8), 1 mm LIA, in the order of :data:`FIELDS`. The first six are depths in mm,
        positive inside: lateral ventricles, other ventricles, brain (tissue and ventricles), distance from
        the sheets on which the two banks of a sulcus meet (positive everywhere), everything but cerebral
        cortex, cranial cavity. The last two are fractions: choroid plexus, cerebellum and brainstem.
    tissues
        uint8, shape (d, h, w): index into :data:`~neurofm_bids.pretrain.anatomy.label_map.TISSUES` of the
        nearest tissue other than cerebral cortex.
    cranium_ml, brain_ml, lateral_ml
        Volumes in the map: cranial cavity, brain tissue without ventricles, lateral ventricles with inferior
        horns and choroid plexus.
    folder
        Folder that holds the arrays, if they are saved: other processes then read them from there.
    """

    name: str
    fields: NDArray[np.float32]
    tissues: NDArray[np.uint8]
    cranium_ml: float
    brain_ml: float
    lateral_ml: float
    folder: Path | None = None

    @property
    def digest(self) -> str:
        """Identifier of the label map's content, or its name if the anatomy is not saved."""
        return self.name if self.folder is None else self.folder.name

    def on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return fields and tissues on a device; a GPU keeps them for the next call."""
        if device.type == "cpu" or self.folder is None:
            return torch.from_numpy(self.fields).to(device), torch.from_numpy(self.tissues).to(device)
        return _on_device(self.folder, device)

    def __reduce__(self) -> str | tuple[Any, ...]:
        return super().__reduce__() if self.folder is None else (_load, (self.name, self.folder))


@lru_cache(maxsize=256)
def _on_device(folder: Path, device: torch.device) -> tuple[Tensor, Tensor]:
    fields, tissues = (torch.from_numpy(np.load(folder / f"{name}.npy")) for name in ("fields", "tissues"))
    return fields.to(device), tissues.to(device)


def load_anatomies(folder: Path, cache: Path) -> list[Anatomy]:
    """Return the anatomies of all label maps of a folder, sorted by name; prepare those not in the cache.

    Parameters
    ----------
    folder
        With ``.nii``, ``.nii.gz`` or ``.mgz`` maps of FreeSurfer codes, 1 mm.
    cache
        Folder that keeps the anatomies, 0.2 GB each.

    Raises
    ------
    NeuroFMError
        There is no label map, one cannot be used, or the cache cannot be written.
    """
    places = {path: cache / label_map_digest(path) for path in find_label_maps(folder)}
    for path, place in places.items():
        if not place.is_dir():
            _save(prepare_anatomy(path), place)
    return [_load(label_map_name(path), place) for path, place in places.items()]


def label_map_digest(path: Path) -> str:
    """Return an identifier of the label map's content and of the version of its fields."""
    return hashlib.sha256(_VERSION.encode() + path.read_bytes()).hexdigest()[:16]


def _save(anatomy: Anatomy, folder: Path) -> None:
    """Write the arrays of an anatomy into a folder that appears when it is complete."""
    partial = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        np.save(partial / "fields.npy", anatomy.fields)
        np.save(partial / "tissues.npy", anatomy.tissues)
        np.save(partial / "volumes.npy", [anatomy.cranium_ml, anatomy.brain_ml, anatomy.lateral_ml])
        partial.rename(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        if not folder.is_dir():  # else another process was faster
            raise NeuroFMError(
                f"cannot write the cache of label maps ({error.strerror})",
                where=folder.parent,
                fix="Use another folder with --cache.",
                code=Exit.CANT_CREATE,
            ) from error


def _load(name: str, folder: Path) -> Anatomy:
    """Return a saved anatomy; its arrays are memory-mapped, so that processes share them."""
    cranium, brain, lateral = (float(v) for v in np.load(folder / "volumes.npy"))
    fields, tissues = (np.load(folder / f"{name}.npy", mmap_mode="c") for name in ("fields", "tissues"))
    return Anatomy(name, fields, tissues, cranium, brain, lateral, folder)


def prepare_anatomy(path: Path) -> Anatomy:
    """Compute the fields of a label map, which takes about a quarter of a minute.

    Raises
    ------
    NeuroFMError
        The file is not a whole-brain map of FreeSurfer codes with 1 mm voxels.
    """
    labels = read_label_map(path)
    masks = {name: np.isin(labels, codes) for name, codes in REGIONS.items()}
    cortex, lateral, others = (
        masks[n] for n in ("cerebral cortex", "lateral ventricles", "other ventricles")
    )
    tissue = ~masks["outside"] & (labels < 256) & ~lateral & ~others
    brain = tissue | lateral | others
    core = nearest_label(labels, tissue & ~cortex)
    nearest_is_cortex = np.isin(nearest_label(labels, tissue), REGIONS["cerebral cortex"])
    cranium = cranial_cavity(brain, labels)
    fields: dict[str, NDArray[Any]] = {
        "lateral": signed_distance(lateral),
        "others": signed_distance(others),
        "outer": signed_distance(brain),
        "sulcus": distance_from_sulci(brain & ~cortex, cranium),
        "core": -signed_distance(nearest_is_cortex),
        "cranium": gaussian_smooth(signed_distance(cranium), 1.5),
        "choroid": gaussian_smooth(masks["choroid plexus"], 0.5),
        "hindbrain": gaussian_smooth(np.isin(core, REGIONS["hindbrain"]) & ~nearest_is_cortex, 1.0),
    }
    index = np.zeros(256, dtype=np.uint8)
    for number, codes in enumerate(TISSUES.values()):
        index[list(codes)] = number
    stack = np.stack([fields[name] for name in FIELDS], axis=-1).astype(np.float32)
    cranium_ml, brain_ml, lateral_ml = (np.count_nonzero(mask) / 1000 for mask in (cranium, tissue, lateral))
    return Anatomy(label_map_name(path), stack, index[core], cranium_ml, brain_ml, lateral_ml)
