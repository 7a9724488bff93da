"""Images and transforms of one scan as BIDS derivatives, with their sidecars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.bids.discovery import Scan
from neurofm_bids.bids.names import Derivatives
from neurofm_bids.config import Config
from neurofm_bids.storage.atomic import write_json, write_nifti, write_text

__all__ = ["count_voxels", "itk_transform", "read_image", "write_derivative_images"]

_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_derivative_images(
    config: Config, out: Derivatives, scan: Scan, folders: Mapping[str, Path], measures: Mapping[str, Any]
) -> None:
    """Write mask and transforms, and with ``--output-images`` the preprocessed images.

    Parameters
    ----------
    folders
        Folder of each step, holding ``mask.nii``, ``corrected.nii`` and ``grid.nii``.
    measures
        What the steps measured; ``registration`` holds the matrices.
    """
    mask = out.mask(scan)
    write_nifti(mask, _as(read_image(folders["brain"] / "mask.nii"), np.uint8))
    _sidecar(mask, scan, [scan.uri], "Brain mask", Type="Brain")
    for kind in ("rigid", "affine"):
        matrix = np.array(measures["registration"][kind], dtype=float)
        write_text(out.transform(scan, kind), itk_transform(matrix))
    if not config.outputs.output_images:
        return
    preproc, grid = out.preproc(scan), out.model_grid(scan)
    write_nifti(preproc, _as(read_image(folders["bias"] / "corrected.nii"), np.float32))
    _sidecar(preproc, scan, [scan.uri], "Bias-corrected T1w", SkullStripped=_stripped(measures))
    write_nifti(grid, _as(read_image(folders["grid"] / "grid.nii"), np.float32))
    frame = f"Model grid, {config.processing.encode_space} space: 256^3 voxels of 1 mm, axes LIA"
    source = f"bids::{preproc.relative_to(out.out_dir).as_posix()}"
    _sidecar(
        grid, scan, [source], "Brain as the network reads it", SkullStripped=True, SpatialReference=frame
    )


def _stripped(measures: Mapping[str, Any]) -> bool:
    return not str(measures["brain"]["method"]).startswith("deepbet")


def read_image(path: str | Path) -> nib.Nifti1Image:
    """Read an image that a step of this program wrote."""
    return nib.Nifti1Image.from_filename(path)


def count_voxels(path: Path) -> int | None:
    """Return the number of voxels by the header of an image, or None if it cannot be read."""
    try:
        image: Any = nib.load(path)
        return int(math.prod(image.shape))
    except Exception:  # whatever a damaged header raises: the first step says what is wrong with it
        return None


def _as(image: nib.Nifti1Image, dtype: type) -> nib.Nifti1Image:
    clean = nib.Nifti1Image(np.asarray(image.dataobj).astype(dtype), image.affine)
    clean.header.set_xyzt_units("mm")
    clean.set_qform(image.affine, code=1)
    clean.set_sform(image.affine, code=1)
    return clean


def _sidecar(path: Path, scan: Scan, sources: Sequence[str], description: str, **fields: Any) -> None:
    record = {"Description": description, "Sources": list(sources), "RawSources": [scan.uri], **fields}
    write_json(path.with_name(path.name.removesuffix(".nii.gz") + ".json"), record)


def itk_transform(t1w_to_template: NDArray[np.float64]) -> str:
    """Return the ITK text transform that resamples the T1w onto the template.

    Parameters
    ----------
    t1w_to_template
        4x4 matrix that maps T1w points to template points, world RAS+ mm.

    Returns
    -------
    str
        ITK maps template points to T1w points in LPS+ mm, so the matrix is inverted and flipped
        (``antsApplyTransforms -i T1w -r template -t FILE`` takes it as it is).
    """
    matrix = _LPS @ np.linalg.inv(t1w_to_template) @ _LPS
    numbers = [*matrix[:3, :3].ravel(), *matrix[:3, 3]]
    return (
        "#Insight Transform File V1.0\n#Transform 0\n"
        "Transform: AffineTransform_double_3_3\n"
        f"Parameters: {' '.join(f'{n:.12g}' for n in numbers)}\n"
        "FixedParameters: 0 0 0\n"
    )
