"""Label images of scans: which belong to a scan, their protocol, volumes, and voxels on the model grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.bids.discovery import Scan
from neurofm_bids.bids.entities import entities_of
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.geometry import resample_onto, voxel_volume_mm3
from neurofm_bids.pretrain.evaluation.prepared_scan import PreparedScan
from neurofm_bids.pretrain.evaluation.protocols import HIGHEST_CODE, PROTOCOLS, Protocol, detect_protocol

__all__ = ["LabelImage", "find_label_images", "read_label_image"]

_ENDINGS = ("_dseg.nii.gz", "_dseg.nii", "_dseg.mgz")
_FREE = {"desc", "seg", "atlas", "space"}  # entities of a label image beside those of its scan
_SPACES = {"T1w", "orig"}


@dataclass(frozen=True)
class LabelImage:
    """Labels of the voxels of a scan.

    Parameters
    ----------
    image
        Codes, int16, in the space of the T1w.
    protocol
        What the codes mean.
    """

    image: nib.Nifti1Image
    protocol: Protocol

    @property
    def codes(self) -> NDArray[np.int16]:
        """Codes of its own voxels."""
        return np.asarray(self.image.dataobj)

    def volumes_ml(self) -> dict[str, float]:
        """Return volumes in ml by name, as :meth:`Protocol.volumes_ml`."""
        return self.protocol.volumes_ml(self.codes, voxel_volume_mm3(self.image.affine))

    def on_grid(self, prepared: PreparedScan) -> NDArray[np.int16]:
        """Return the codes of the voxels of the prepared scan, those of the nearest voxels."""
        moved = resample_onto(self.image, prepared.image(), prepared.rigid, order=0)
        return np.asarray(moved.dataobj).astype(np.int16)


def find_label_images(folder: Path, scan: Scan) -> list[Path]:
    """Return the label images (``dseg``) of a scan in its own space in a folder of derivatives, by name.

    Their entities are those of the scan; ``desc``, ``seg``, ``atlas`` and ``space-T1w`` may be added.
    """
    wanted = dict(scan.entities)
    chosen = []
    for path in sorted((folder / f"sub-{scan.subject}").rglob("*_dseg.*")):
        ending = next((ending for ending in _ENDINGS if path.name.endswith(ending)), None)
        if ending is None:
            continue
        entities = entities_of(path.name.removesuffix(ending))
        own_space = entities.get("space", "T1w") in _SPACES
        if own_space and {k: v for k, v in entities.items() if k not in _FREE or k in wanted} == wanted:
            chosen.append(path)
    return chosen


def read_label_image(paths: list[Path], protocol: str | None = None) -> LabelImage:
    """Return the first of some label images that has the codes of a protocol.

    Parameters
    ----------
    paths
        At least one.
    protocol
        Its name in :data:`~neurofm_bids.pretrain.evaluation.protocols.PROTOCOLS`, or None for any.

    Raises
    ------
    NeuroFMError
        An image cannot be read or has negative, too large or fractional values, or none has such codes.
    """
    for path in paths:
        image = _read(path)
        found = detect_protocol(np.asarray(image.dataobj))
        if found is not None and protocol in (None, found):
            return LabelImage(image, PROTOCOLS[found])
    raise NeuroFMError(
        f"no label image has the codes of {protocol or ' or '.join(PROTOCOLS)}",
        where=paths[0].parent,
        fix="Check --labels and --protocol.",
    )


def _read(path: Path) -> nib.Nifti1Image:
    try:
        image: Any = nib.load(path)
        values = np.asarray(image.dataobj)
    except (OSError, ValueError, EOFError, nib.filebasedimages.ImageFileError) as error:
        message = " ".join(str(error).split())
        raise NeuroFMError(
            f"the label image cannot be read ({message})", where=path, fix="Get a new copy."
        ) from error
    codes = np.rint(values)
    if values.ndim != 3 or not ((codes == values) & (codes >= 0) & (codes <= HIGHEST_CODE)).all():
        raise NeuroFMError(
            f"the label image is not of whole numbers from 0 to {HIGHEST_CODE} in three dimensions",
            where=path,
            fix="Check --labels.",
        )
    return nib.Nifti1Image(codes.astype(np.int16), image.affine)
