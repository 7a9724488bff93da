"""The cache of anatomies: each label map is prepared once."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pretrain.anatomy.fields import Anatomy, load_anatomy, prepare_anatomy, save_anatomy
from neurofm_bids.pretrain.anatomy.label_map import find_label_maps, label_map_name

__all__ = ["label_map_digest", "load_anatomies"]

_VERSION = "2"  # raise it when the fields of the same label map change


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
    return [_load(path, cache / label_map_digest(path)) for path in find_label_maps(folder)]


def label_map_digest(path: Path) -> str:
    """Return an identifier of the label map's content and of the version of its fields."""
    return hashlib.sha256(_VERSION.encode() + path.read_bytes()).hexdigest()[:16]


def _load(path: Path, folder: Path) -> Anatomy:
    if not folder.is_dir():
        _prepare(path, folder)
    return load_anatomy(label_map_name(path), folder)


def _prepare(path: Path, folder: Path) -> None:
    anatomy = prepare_anatomy(path)
    partial = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        save_anatomy(anatomy, partial)
        partial.rename(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        if not folder.is_dir():  # else another process was faster
            raise NeuroFMError(
                f"cannot write the cache of label maps ({error.strerror})",
                where=folder.parent,
                fix="Give another folder with --cache.",
                code=Exit.CANT_CREATE,
            ) from error
