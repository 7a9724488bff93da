"""Anatomy: what synthesis needs of one label map, as smooth fields of distances."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from numpy.typing import NDArray
from torch import Tensor

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pretrain.distances import cranial_cavity, depth, from_ridges, nearest, smooth

__all__ = [
    "FIELDS",
    "HIND",
    "LATERAL",
    "TISSUES",
    "Anatomy",
    "find_maps",
    "load_anatomies",
    "prepare_anatomy",
]

# FreeSurfer codes. The maps of SynthSeg write the choroid plexus as 136, 137, 163 and 164.
_CHOROID = (31, 63, 136, 137, 163, 164)
LATERAL = (4, 43, 5, 44, *_CHOROID)
_OTHER_VENTRICLES = (14, 15, 72)
_CORTEX = (3, 42)
_OUTSIDE = (0, 24, 118, 165)
HIND = (7, 46, 8, 47, 16)
TISSUES = {
    "white": (2, 41, 25, 57, 77, 78, 79, 85, 30, 62, *range(250, 256)),
    "thalamus": (10, 49),
    "caudate": (11, 50),
    "putamen": (12, 51),
    "pallidum": (13, 52),
    "hippocampus": (17, 53),
    "amygdala": (18, 54),
    "accumbens": (26, 58),
    "ventral diencephalon": (28, 60),
    "cerebellar cortex": (8, 47),
    "cerebellar white": (7, 46),
    "brainstem": (16,),
}
FIELDS = ("lateral", "others", "outer", "ridge", "core", "cranium", "choroid", "hind")
_MARGIN_MM = 16
_VERSION = "2"  # of the files that hold prepared maps


@dataclass(frozen=True)
class Anatomy:
    """One label map, prepared.

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
        uint8, shape (d, h, w): index into :data:`TISSUES` of the nearest tissue other than cerebral cortex.
    cranium_ml, brain_ml, lateral_ml
        Volumes in the map: cranial cavity, brain tissue without ventricles, lateral ventricles with inferior
        horns and choroid plexus.
    place
        Folder that holds the arrays, if one does: processes then read them from there.
    """

    name: str
    fields: NDArray[np.float32]
    tissues: NDArray[np.uint8]
    cranium_ml: float
    brain_ml: float
    lateral_ml: float
    place: Path | None = None

    @property
    def digest(self) -> str:
        """What tells it from other maps."""
        return self.name if self.place is None else self.place.name

    def on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return fields and tissues on a device; on a GPU they stay there."""
        if device.type == "cpu" or self.place is None:
            return torch.from_numpy(self.fields).to(device), torch.from_numpy(self.tissues).to(device)
        return _on_device(self.place, device)

    def __reduce__(self) -> str | tuple[Any, ...]:
        return super().__reduce__() if self.place is None else (_stored, (self.name, self.place))


def load_anatomies(folder: Path, cache: Path) -> list[Anatomy]:
    """Prepare every label map of a folder, or take it from the cache, in the order of names.

    Parameters
    ----------
    folder
        With ``.nii``, ``.nii.gz`` or ``.mgz`` maps of FreeSurfer codes, 1 mm.
    cache
        A folder that keeps prepared maps; the arrays are mapped from there, so processes share them.

    Raises
    ------
    NeuroFMError
        There is no map, one cannot be used, or the cache cannot be written.
    """
    return [_cached(path, digest, cache) for path, digest in find_maps(folder)]


def find_maps(folder: Path) -> list[tuple[Path, str]]:
    """Return the label maps of a folder in the order of names, each with a digest of what is prepared of it.

    Raises
    ------
    NeuroFMError
        There is no map, or two have the same name.
    """
    paths = sorted(p for p in folder.glob("*") if p.name.endswith((".nii", ".nii.gz", ".mgz")))
    if not paths:
        raise NeuroFMError(
            "there are no label maps",
            where=folder,
            fix="Give a folder with maps of FreeSurfer codes (.nii, .nii.gz or .mgz).",
            code=Exit.NO_INPUT,
        )
    names = [_name(path) for path in paths]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise NeuroFMError(f"two label maps are named {twice}", where=folder, fix="Rename one.")
    return [(path, hashlib.sha256(_VERSION.encode() + path.read_bytes()).hexdigest()[:16]) for path in paths]


def _cached(path: Path, digest: str, cache: Path) -> Anatomy:
    place = cache / digest
    if place.is_dir():
        return _stored(_name(path), place)
    anatomy = prepare_anatomy(path)
    partial = cache / f"{digest}.{os.getpid()}"
    try:
        partial.mkdir(parents=True, exist_ok=True)
        np.save(partial / "fields.npy", anatomy.fields)
        np.save(partial / "tissues.npy", anatomy.tissues)
        np.save(partial / "volumes.npy", [anatomy.cranium_ml, anatomy.brain_ml, anatomy.lateral_ml])
        partial.rename(place)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        if not place.is_dir():  # else another process was quicker
            raise NeuroFMError(
                f"prepared maps cannot be kept ({error.strerror})",
                where=cache,
                fix="Give another folder with --cache.",
                code=Exit.CANT_CREATE,
            ) from error
    return _stored(_name(path), place)


def _stored(name: str, place: Path) -> Anatomy:
    cranium, brain, lateral = (float(v) for v in np.load(place / "volumes.npy"))
    fields = np.load(place / "fields.npy", mmap_mode="c")
    tissues = np.load(place / "tissues.npy", mmap_mode="c")
    return Anatomy(name, fields, tissues, cranium, brain, lateral, place)


@lru_cache(maxsize=256)
def _on_device(place: Path, device: torch.device) -> tuple[Tensor, Tensor]:
    fields, tissues = (torch.from_numpy(np.load(place / f"{name}.npy")) for name in ("fields", "tissues"))
    return fields.to(device), tissues.to(device)


def _name(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii").removesuffix(".mgz")


def prepare_anatomy(path: Path) -> Anatomy:
    """Compute the fields of a label map; some seconds.

    Raises
    ------
    NeuroFMError
        The file is no whole-brain map of FreeSurfer codes with 1 mm voxels.
    """
    labels = _read(path)
    lateral, others = np.isin(labels, LATERAL), np.isin(labels, _OTHER_VENTRICLES)
    tissue = ~np.isin(labels, _OUTSIDE) & (labels < 256) & ~lateral & ~others
    brain = tissue | lateral | others
    core = nearest(labels, tissue & ~np.isin(labels, _CORTEX))
    cerebral_cortex = np.isin(nearest(labels, tissue), _CORTEX)
    cranium = cranial_cavity(brain, labels)
    fields = np.stack(
        [
            depth(lateral),
            depth(others),
            depth(brain),
            from_ridges(brain & ~np.isin(labels, _CORTEX), cranium),
            -depth(cerebral_cortex),
            smooth(depth(cranium), 1.5),
            smooth(np.isin(labels, _CHOROID), 0.5),
            smooth(np.isin(core, HIND) & ~cerebral_cortex, 1.0),
        ],
        axis=-1,
    )
    index = np.zeros(256, dtype=np.uint8)
    for number, codes in enumerate(TISSUES.values()):
        index[list(codes)] = number
    cranium_ml, brain_ml, lateral_ml = (float(np.count_nonzero(m)) / 1000 for m in (cranium, tissue, lateral))
    return Anatomy(_name(path), fields.astype(np.float32), index[core], cranium_ml, brain_ml, lateral_ml)


def _read(path: Path) -> NDArray[np.int16]:
    """Return the labels, LIA, cut to the brain and its surroundings."""
    try:
        image: Any = nib.load(path)
        image = image.as_reoriented(ornt_transform(io_orientation(image.affine), axcodes2ornt("LIA")))
        labels = np.asarray(image.dataobj).astype(np.int16)
    except (OSError, EOFError, ValueError, nib.filebasedimages.ImageFileError) as error:
        raise NeuroFMError(f"the map cannot be read ({error})", where=path, fix="Get it again.") from error
    zooms = nib.affines.voxel_sizes(image.affine)
    if not np.allclose(zooms, 1.0, atol=0.02) or labels.ndim != 3:
        sizes = "x".join(f"{z:.3g}" for z in zooms)
        raise NeuroFMError(f"the map has voxels of {sizes} mm", where=path, fix="Bring it to 1 mm.")
    if not all(np.isin(codes, labels).any() for codes in (LATERAL, _CORTEX, TISSUES["white"], HIND)):
        raise NeuroFMError(
            "the map lacks ventricles, cortex, white matter or cerebellum",
            where=path,
            fix="Use FreeSurfer codes.",
        )
    labels = np.pad(labels, _MARGIN_MM)
    spans = [(int(c.min()), int(c.max())) for c in np.nonzero((labels > 0) & (labels < 256) & (labels != 24))]
    box = tuple(slice(low - _MARGIN_MM, high + _MARGIN_MM + 1) for low, high in spans)
    return np.ascontiguousarray(labels[box])
