import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine, from_matvec
from nibabel.eulerangles import euler2mat

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.geometry import itk_transform, rotation_degrees
from neurofm_bids.preprocess.registration import load_template, register
from neurofm_bids.resources import torch_threads


@pytest.fixture(scope="module")
def template():
    return load_template()


def moved(image, motion):
    """Return the same voxels elsewhere: ``motion`` maps template points to points of the new image."""
    data = np.asarray(image.dataobj, dtype=np.float32)
    return nib.Nifti1Image(data, motion @ image.affine)


def points(template):
    return apply_affine(template.mask.affine, np.argwhere(np.asarray(template.mask.dataobj) > 0)[::500])


def errors_mm(matrix, motion, at):
    return np.linalg.norm(apply_affine(matrix, apply_affine(motion, at)) - at, axis=1)


@pytest.mark.parametrize(
    ("angles", "shift", "scale"),
    [
        ((0, 0, 0), (0, 0, 0), 1.0),
        ((0.35, -0.2, 0.1), (25, -40, 60), 1.0),
        ((-0.1, 0.3, 0.5), (0, 9, -5), 0.92),
    ],
)
def test_known_motions_are_recovered(template, angles, shift, scale):
    motion = from_matvec(euler2mat(*angles) * scale, shift)
    result = register(moved(template.image, motion), moved(template.mask, motion), template)
    at = points(template)
    assert errors_mm(result.affine, motion, at).mean() < 0.3
    assert result.scale == pytest.approx(1 / scale, rel=0.01)
    assert result.dice > 0.98
    assert result.correlation > 0.98
    rotation = np.array(result.rigid)[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-10)
    assert np.linalg.det(rotation) == pytest.approx(1)
    degrees = rotation_degrees(motion / scale)
    assert result.rotation_degrees == pytest.approx(degrees, abs=0.5)
    centre = apply_affine(motion, at.mean(axis=0))
    assert np.linalg.norm(apply_affine(result.rigid, centre) - apply_affine(result.affine, centre)) < 1


def test_equal_input_gives_equal_bits_with_any_number_of_threads(template, brain_image):
    data = np.asarray(brain_image.dataobj, dtype=np.float32)
    brain = nib.Nifti1Image(data, brain_image.affine)
    mask = nib.Nifti1Image((data > 0).astype(np.uint8), brain_image.affine)
    expected = register(brain, mask, template)
    with torch_threads(2):
        assert register(brain, mask, template) == expected


def test_ants_takes_the_transform_file_as_it_is(template, tmp_path):
    ants = pytest.importorskip("ants")
    motion = from_matvec(euler2mat(0.2, -0.1, 0.3) * 1.05, (3, -14, 25))
    (tmp_path / "affine.txt").write_text(itk_transform(motion))
    images = {"fixed": template.image, "moving": moved(template.image, np.linalg.inv(motion))}
    for name, image in images.items():
        image.to_filename(tmp_path / f"{name}.nii.gz")
    fixed, moving = (ants.image_read(str(tmp_path / f"{name}.nii.gz")) for name in images)
    resampled = ants.apply_transforms(fixed, moving, [str(tmp_path / "affine.txt")])
    np.testing.assert_allclose(resampled.numpy(), np.asarray(template.image.dataobj), atol=0.1)


def test_what_is_no_brain_is_refused(template):
    data = np.zeros((100, 100, 100), np.float32)
    data[:, 45:55, 45:55] = np.random.default_rng(0).normal(100, 30, (100, 10, 10))
    rod, inside = nib.Nifti1Image(data, np.diag([2, 2, 2, 1])), (data != 0).astype(np.uint8)
    with pytest.raises(NeuroFMError, match="the registration to the template failed"):
        register(rod, nib.Nifti1Image(inside, rod.affine), template)


def test_a_brain_without_contrast_is_refused(template):
    black = nib.Nifti1Image(np.zeros(template.mask.shape, np.float32), template.mask.affine)
    with pytest.raises(NeuroFMError, match="the intensities determine no transform"):
        register(black, template.mask, template)


@pytest.mark.parametrize(
    ("error", "reason"),
    [(None, "TemplateFlow has none"), (PermissionError(13, "no"), "PermissionError: [Errno 13] no")],
)
def test_a_template_that_cannot_be_downloaded(monkeypatch, error, reason):
    from templateflow import api

    def get(*_, **__):
        if error:
            raise error
        return []

    monkeypatch.setattr(api, "get", get)
    with pytest.raises(NeuroFMError) as caught:
        load_template("MNI152NLin6Asym")
    what = "template T1w not found locally and could not be downloaded"
    assert caught.value.reason == f"{what} ({reason}): MNI152NLin6Asym"
    assert "TEMPLATEFLOW_HOME" in caught.value.fix
    assert caught.value.code == Exit.TRY_AGAIN


def test_template_through_templateflow(monkeypatch, template, tmp_path):
    from templateflow import api

    paths = {"T1w": tmp_path / "T1w.nii.gz", "mask": tmp_path / "mask.nii.gz"}
    nib.save(nib.Nifti1Image(np.full((20, 20, 20), 7.0, np.float32), np.eye(4)), paths["T1w"])
    inside = np.zeros((20, 20, 20), np.uint8)
    inside[5:15, 5:15, 5:15] = 1
    nib.save(nib.Nifti1Image(inside, np.eye(4)), paths["mask"])
    monkeypatch.setattr(api, "get", lambda name, suffix, **_: paths[suffix])
    other = load_template("Other")
    assert other.name == "Other"
    np.testing.assert_array_equal(np.asarray(other.image.dataobj), 7.0 * inside)


def test_bundled_template_is_the_brain_of_its_mask(template):
    image, mask = np.asarray(template.image.dataobj), np.asarray(template.mask.dataobj)
    assert ((image > 0) == (mask > 0)).mean() > 0.999
    volume = np.count_nonzero(mask) * 8 / 1000
    assert volume == pytest.approx(1886.6, rel=0.01)  # of the 1 mm original, see benchmarks/make_template.py
