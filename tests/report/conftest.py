import nibabel as nib
import numpy as np
import pytest


@pytest.fixture(scope="module")
def brain_and_mask(brain_image):
    data = np.asarray(brain_image.dataobj, dtype=np.float32)
    image = nib.Nifti1Image(data, brain_image.affine)
    return image, nib.Nifti1Image((data > 0).astype(np.uint8), brain_image.affine)
