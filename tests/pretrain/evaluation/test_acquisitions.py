import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.pretrain.evaluation import acquisitions
from neurofm_bids.pretrain.evaluation.acquisitions import ACQUISITIONS, prepare_acquisitions
from tests.pretrain.evaluation.phantom import phantom


def head(zooms=(1.0, 1.0, 1.0)):
    """Return a bright ellipsoid with an empty background, with axes to the left, superior and anterior."""
    shape = [round(80 / zoom) for zoom in zooms]
    grid = np.indices(shape) * np.reshape(zooms, (3, 1, 1, 1)) - 40
    inside = (grid[0] / 20) ** 2 + (grid[1] / 30) ** 2 + (grid[2] / 25) ** 2 < 1
    affine = np.array([[-zooms[0], 0, 0, 40], [0, 0, zooms[2], -40], [0, zooms[1], 0, -40], [0, 0, 0, 1.0]])
    return nib.Nifti1Image((inside * 1000).astype(np.float32), affine)


def volume_and_centre(image):
    data = np.asarray(image.dataobj, dtype=np.float64)
    voxels = np.argwhere(data > -1)
    centre = nib.affines.apply_affine(image.affine, np.average(voxels, axis=0, weights=data.ravel()))
    return data.sum() * abs(np.linalg.det(image.affine)), centre


@pytest.mark.parametrize(("name", "zooms"), [("2 mm", (2, 2, 2)), ("1 x 1 x 3 mm", (1, 1, 3))])
def test_larger_voxels_keep_the_place_and_the_amount_of_signal(name, zooms):
    coarse = ACQUISITIONS[name](head())
    assert nib.aff2axcodes(coarse.affine) == ("R", "A", "S")
    np.testing.assert_allclose(coarse.header.get_zooms(), zooms, rtol=1e-5)
    (amount, centre), (first, before) = volume_and_centre(coarse), volume_and_centre(head())
    assert amount == pytest.approx(first, rel=0.01)
    np.testing.assert_allclose(centre, before, atol=0.1)


def test_voxels_that_are_as_large_already_stay():
    coarse = ACQUISITIONS["2 mm"](head((2.5, 2.0, 1.0)))
    np.testing.assert_allclose(coarse.header.get_zooms(), (2.5, 2, 2), rtol=1e-5)


def test_noise_and_bias_change_the_brain_and_not_the_background():
    image = head()
    data = np.asarray(image.dataobj)
    inside = data > 0
    noisy, biased = (np.asarray(ACQUISITIONS[name](image).dataobj) for name in ("noise", "bias field"))
    assert not noisy[~inside].any()
    assert not biased[~inside].any()
    assert noisy[inside].std() == pytest.approx(50, rel=0.05)
    assert noisy[inside].mean() == pytest.approx(1000, rel=0.01)
    gain = biased[inside] / 1000
    assert 0.6 < gain.min() < 0.8
    assert 1.2 < gain.max() < 1.6
    assert np.array_equal(noisy, np.asarray(ACQUISITIONS["noise"](image).dataobj))


def test_every_acquisition_is_prepared_in_a_folder_of_its_own(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(acquisitions, "prepare", lambda path, folder, stability: calls.append((path, folder)))
    nib.save(phantom()[0], tmp_path / "T1w.nii.gz")
    assert list(prepare_acquisitions(tmp_path / "T1w.nii.gz", tmp_path / "work")) == list(ACQUISITIONS)
    assert len({folder for _, folder in calls}) == len(ACQUISITIONS)
    for path, folder in calls:
        assert path.parent == folder
        assert nib.load(path).ndim == 3
