import nibabel as nib
import pytest

from neurofm_bids.geometry import GRID_AFFINE
from neurofm_bids.pretrain.anatomy.cache import load_anatomies
from tests.pretrain.toy_head import toy_labels


@pytest.fixture(scope="session")
def maps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    for name in ("one-aparc", "two"):
        nib.save(nib.Nifti1Image(toy_labels(), GRID_AFFINE), folder / f"{name}.nii.gz")
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture(scope="session")
def anatomies(maps, cache):
    return load_anatomies((maps,), cache)
