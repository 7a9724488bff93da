"""The library: encode and module; predict is tested with the command line."""

from dataclasses import fields
from typing import get_type_hints

import nibabel as nib
import numpy as np
import pytest
import torch

import neurofm_bids
from neurofm_bids.api import AnatomySettings, NeuroFM, ScanSettings, read_brain
from neurofm_bids.config import Processing
from neurofm_bids.errors import Exit, NeuroFMError
from tests.conftest import TEMPLATE_BRAIN

BRAIN = str(TEMPLATE_BRAIN)


@pytest.mark.parametrize("name", neurofm_bids.__all__)
def test_public_names_are_found(name):
    assert getattr(neurofm_bids, name)


@pytest.fixture(scope="module")
def model():
    return NeuroFM("open-s", device="cpu", views=2)


def test_paths_images_and_arrays_of_one_brain_are_the_same(model, tmp_path):
    image = nib.load(BRAIN)
    nib.save(image, tmp_path / "brain.nii.gz")
    path, other, img, array = model.encode([BRAIN, tmp_path / "brain.nii.gz", image, read_brain(BRAIN)])
    for found in (other, img, array):
        assert np.array_equal(found.features, path.features)
    assert (path.features.shape, path.features.dtype) == ((160,), np.float32)
    assert path.views == 2
    assert set(path.predictions) == {"age", "sex", "ventricular_volume", "brain_volume"}


def test_one_view_is_the_plain_forward_pass_of_the_module(model):
    volume = read_brain(BRAIN)
    standard = (volume - volume.mean(dtype=np.float64)) / volume.std(dtype=np.float64)
    with torch.inference_mode():
        outputs = model.module()(torch.from_numpy(standard.astype(np.float32))[None, None])
    (found,) = model.encode([volume], views=1)
    np.testing.assert_allclose(found.features, outputs.latent[0], rtol=1e-4, atol=1e-4)
    target = model.spec.head("age")
    age = float(outputs.heads["age"][0]) * target.sd + target.mean
    assert found.predictions["age"].value == pytest.approx(age, abs=1e-3)
    assert found.predictions["age"].interval95 is None


def test_no_views_are_refused_and_not_taken_for_the_default(model):
    with pytest.raises(NeuroFMError, match="0 views"):
        next(model.encode([BRAIN], views=0))


def test_a_target_that_does_not_exist_is_refused_before_the_image_is_read(model):
    with pytest.raises(NeuroFMError, match="open-s has no target height to attribute") as error:
        model.attribute("nowhere.nii", ["height"])
    assert error.value.code is Exit.USAGE


@pytest.mark.parametrize(
    ("method", "setting"),
    [("predict", "zoom"), ("predict", "attribution"), ("attribute", "model"), ("segment", "no_anatomy")],
)
def test_a_setting_that_a_method_does_not_have_is_refused_before_the_image_is_read(model, method, setting):
    with pytest.raises(TypeError, match=f"no setting {setting} here; the settings are skull_strip, "):
        getattr(model, method)("nowhere.nii", **{setting: True})


def test_every_setting_is_one_of_the_command_line():
    names = set(get_type_hints(ScanSettings))
    assert set(get_type_hints(AnatomySettings)) < names <= {field.name for field in fields(Processing)}


def test_encode_is_lazy(model):
    def endless():
        while True:
            yield BRAIN

    found = model.encode(endless(), views=1)
    assert next(found).views == 1
    found.close()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((10, 10, 10)), "reads 256x256x256 voxels, not .*: brain 1"),
        (np.full((256,) * 3, np.nan), "not finite: brain 1"),
        (np.zeros((256,) * 3), "constant: brain 1"),
        (np.zeros((256,) * 3, np.complex64), "complex64, not real numbers: brain 1"),
        ("nowhere.nii.gz", "file not found: nowhere.nii.gz"),
    ],
)
def test_a_bad_brain_is_named_and_the_others_go_on(model, bad, message):
    first, error, last = model.encode([BRAIN, bad, BRAIN], views=1, errors="return")
    assert isinstance(error, NeuroFMError)
    assert np.array_equal(first.features, last.features)
    with pytest.raises(NeuroFMError, match=message):
        list(model.encode([BRAIN, bad], views=1))


@pytest.mark.parametrize(
    "single", [BRAIN, nib.Nifti1Image(np.zeros((2, 2, 2)), np.eye(4)), np.zeros((2, 2, 2))]
)
def test_one_brain_instead_of_several_is_said_at_once(model, single):
    with pytest.raises(NeuroFMError, match="a sequence of brains") as error:
        model.encode(single)
    assert error.value.code is Exit.USAGE


def test_fine_tuning_a_module_does_not_change_the_model_and_can_be_loaded_back(model, tmp_path):
    from safetensors.torch import save_file

    (before,) = model.encode([BRAIN], views=1)
    module = model.module(dropout=0.2).train()
    optimiser = torch.optim.SGD(module.parameters(), lr=1e-3)
    lattice = torch.randn(2, 1, 32, 32, 32)
    outputs = module.forward_lattice(lattice)
    loss = sum(value.square().mean() for value in (outputs.latent, *outputs.heads.values()))
    loss.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in module.parameters())
    optimiser.step()
    (after,) = model.encode([BRAIN], views=1)
    assert np.array_equal(before.features, after.features)
    save_file(module.state_dict(), tmp_path / "tuned.safetensors")
    tuned = NeuroFM("open-s", weights=tmp_path / "tuned.safetensors", device="cpu", views=1)
    (changed,) = tuned.encode([BRAIN])
    assert not np.array_equal(before.features, changed.features)
