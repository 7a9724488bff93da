"""The cache of anatomies: label maps are prepared once."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pretrain.anatomy.fields import Anatomy, load_anatomy, prepare_anatomy
from neurofm_bids.pretrain.anatomy.label_map import find_label_maps, label_map_name, read_label_map
from neurofm_bids.pretrain.anatomy.parcels import carry_parcels, has_parcels

__all__ = ["label_map_digests", "load_anatomies"]

_VERSION = "4"  # raise it when the fields of the same label map change


def load_anatomies(folders: Sequence[Path], cache_folder: Path) -> list[Anatomy]:
    """Return the anatomies of all label maps of some folders, sorted by name; prepare those not in the cache.

    Parameters
    ----------
    folders
        With ``.nii``, ``.nii.gz`` or ``.mgz`` maps of FreeSurfer codes, 1 mm. Maps without parcels of the
        cortex take them from the first whose name contains ``aparc``.
    cache_folder
        Folder that keeps the anatomies, 0.25 GB each.

    Raises
    ------
    NeuroFMError
        There is no label map or none with parcels, one cannot be used, or the cache cannot be written.
    """
    digests = label_map_digests(folders)
    for path, digest in digests.items():
        if not (cache_folder / digest).is_dir():
            anatomy = prepare_anatomy(label_map_name(path), _with_parcels(path, _atlas(list(digests))))
            _save(anatomy, cache_folder / digest)
    return [load_anatomy(label_map_name(path), cache_folder / digest) for path, digest in digests.items()]


def label_map_digests(folders: Sequence[Path]) -> dict[Path, str]:
    """Return the label maps of folders, with an identifier of all that their fields depend on."""
    paths = find_label_maps(folders)
    atlas = hashlib.sha256(_atlas(paths).read_bytes()).digest()
    return {p: hashlib.sha256(_VERSION.encode() + atlas + p.read_bytes()).hexdigest()[:16] for p in paths}


def _atlas(paths: list[Path]) -> Path:
    atlas = next((path for path in paths if "aparc" in path.name), None)
    if atlas is None:
        raise NeuroFMError(
            "no label map with parcels of the cortex",
            where=paths[0].parent,
            fix="Add an aparc+aseg of FreeSurfer, with aparc in its name.",
            code=Exit.NO_INPUT,
        )
    return atlas


def _with_parcels(path: Path, atlas: Path) -> NDArray[np.int16]:
    labels = read_label_map(path)
    return labels if has_parcels(labels) else carry_parcels(labels, _read_atlas(atlas))


@cache
def _read_atlas(path: Path) -> NDArray[np.int16]:
    return read_label_map(path)


def _save(anatomy: Anatomy, folder: Path) -> None:
    """Write the arrays of an anatomy into a folder that appears when it is complete."""
    partial = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        anatomy.save(partial)
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
