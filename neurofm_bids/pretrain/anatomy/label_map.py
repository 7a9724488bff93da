"""Label maps: whole heads in FreeSurfer codes, read from files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.geometry import GRID_AFFINE, box, reorientation

__all__ = ["CODES", "find_label_maps", "label_map_name", "read_label_map"]

_PARCELS = range(1000, 3000)
_LEFT_CHOROID, _RIGHT_CHOROID = (31, 136, 137), (63, 163, 164)  # the maps of SynthSeg split them
CODES = {
    "choroid plexus": (*_LEFT_CHOROID, *_RIGHT_CHOROID),
    "lateral ventricles": (4, 43, 5, 44, *_LEFT_CHOROID, *_RIGHT_CHOROID),
    "other ventricles": (14, 15, 72),
    "cerebral cortex": (3, 42, *_PARCELS),
    "hindbrain": (7, 46, 8, 47, 16),
    "white matter": (2, 41),
    "outside": (0, 24, 118, 165, *range(256, 1000)),
}
_MARGIN_MM = 16
_MULTIPLE = 4  # of voxels along each axis, for coarser grids


def find_label_maps(folders: Sequence[Path]) -> list[Path]:
    """Return the label maps of folders (``.nii``, ``.nii.gz``, ``.mgz``), sorted by name.

    Raises
    ------
    NeuroFMError
        A folder has no label map, or two have the same name.
    """
    paths: list[Path] = []
    for folder in folders:
        here = [p for p in folder.glob("*") if p.name.endswith((".nii", ".nii.gz", ".mgz"))]
        if not here:
            raise NeuroFMError(
                "no label maps in this folder",
                where=folder,
                fix="Use a folder with maps in FreeSurfer codes (.nii, .nii.gz or .mgz).",
                code=Exit.NO_INPUT,
            )
        paths += here
    names = [label_map_name(path) for path in paths]
    duplicate = next((path for path in paths if names.count(label_map_name(path)) > 1), None)
    if duplicate is not None:
        name = label_map_name(duplicate)
        raise NeuroFMError(f"two label maps are named {name}", where=duplicate.parent, fix="Rename one.")
    return sorted(paths, key=label_map_name)


def label_map_name(path: Path) -> str:
    """Return the file name without its extension.

    >>> label_map_name(Path("maps/subject-01.nii.gz"))
    'subject-01'
    """
    return path.name.removesuffix(".gz").removesuffix(".nii").removesuffix(".mgz")


def read_label_map(path: Path) -> NDArray[np.int16]:
    """Return the labels, LIA, cropped to the brain with a margin of 16 mm, in multiples of 4 voxels.

    Raises
    ------
    NeuroFMError
        The file is not a whole-brain map of FreeSurfer codes with 1 mm voxels.
    """
    try:
        image: Any = nib.load(path)
        image = image.as_reoriented(reorientation(image.affine, GRID_AFFINE))
        labels = np.asarray(image.dataobj).astype(np.int16)
    except (OSError, EOFError, ValueError, nib.filebasedimages.ImageFileError) as error:
        raise NeuroFMError(
            f"cannot read the label map ({error})", where=path, fix="Restore or remove the file."
        ) from error
    zooms = nib.affines.voxel_sizes(image.affine)
    if not np.allclose(zooms, 1.0, atol=0.02) or labels.ndim != 3:
        size = "x".join(f"{z:.3g}" for z in zooms)
        raise NeuroFMError(
            f"the label map has {labels.ndim} dimensions and voxels of {size} mm",
            where=path,
            fix="Resample it to a 3-D map with 1 mm voxels (nearest neighbour).",
        )
    required = ("lateral ventricles", "cerebral cortex", "hindbrain", "white matter")
    missing = [name for name in required if not np.isin(CODES[name], labels).any()]
    if missing:
        raise NeuroFMError(
            f"the label map has no {', '.join(missing)}", where=path, fix="Use FreeSurfer codes."
        )
    labels = np.pad(labels, _MARGIN_MM)
    brain = np.argwhere(~np.isin(labels, CODES["outside"]))
    cropped = labels[tuple(map(slice, *box(brain, _MARGIN_MM, labels.shape)))]
    return np.pad(cropped, [(0, -n % _MULTIPLE) for n in cropped.shape])
