"""Label maps: whole heads in FreeSurfer codes, read from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.geometry import GRID_AFFINE, box, reorientation

__all__ = ["REGIONS", "TISSUES", "find_label_maps", "label_map_name", "read_label_map"]

_CHOROID = (31, 63, 136, 137, 163, 164)  # the maps of SynthSeg use the last four
REGIONS = {
    "choroid plexus": _CHOROID,
    "lateral ventricles": (4, 43, 5, 44, *_CHOROID),
    "other ventricles": (14, 15, 72),
    "cerebral cortex": (3, 42),
    "hindbrain": (7, 46, 8, 47, 16),
    "outside": (0, 24, 118, 165),
}
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
_MARGIN_MM = 16


def find_label_maps(folder: Path) -> list[Path]:
    """Return the label maps of a folder (``.nii``, ``.nii.gz``, ``.mgz``), sorted by name.

    Raises
    ------
    NeuroFMError
        The folder has no label map, or two of the same name.
    """
    paths = sorted(p for p in folder.glob("*") if p.name.endswith((".nii", ".nii.gz", ".mgz")))
    if not paths:
        raise NeuroFMError(
            "no label maps in this folder",
            where=folder,
            fix="Use a folder with maps in FreeSurfer codes (.nii, .nii.gz or .mgz).",
            code=Exit.NO_INPUT,
        )
    names = [label_map_name(path) for path in paths]
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate is not None:
        raise NeuroFMError(f"two label maps are named {duplicate}", where=folder, fix="Rename one of them.")
    return paths


def label_map_name(path: Path) -> str:
    """Return the file name without its extension.

    >>> label_map_name(Path("maps/subject-01.nii.gz"))
    'subject-01'
    """
    return path.name.removesuffix(".gz").removesuffix(".nii").removesuffix(".mgz")


def read_label_map(path: Path) -> NDArray[np.int16]:
    """Return the labels, LIA, cropped to the brain with a margin of 16 mm.

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
    required = {n: REGIONS[n] for n in ("lateral ventricles", "cerebral cortex", "hindbrain")}
    required["white matter"] = TISSUES["white"]
    missing = [name for name, codes in required.items() if not np.isin(codes, labels).any()]
    if missing:
        raise NeuroFMError(
            f"the label map has no {', '.join(missing)}", where=path, fix="Use FreeSurfer codes."
        )
    labels = np.pad(labels, _MARGIN_MM)
    brain = np.argwhere((labels > 0) & (labels < 256) & (labels != 24))
    return np.ascontiguousarray(labels[tuple(map(slice, *box(brain, _MARGIN_MM, labels.shape)))])
