import nibabel as nib
import numpy as np
import pytest
import torch
from nibabel.processing import conform
from safetensors.torch import save_file

from neurofm_bids.cli import tools
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model import verify
from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.model.weights import load_model
from tests.conftest import TEMPLATE_BRAIN


def test_verify_of_the_bundled_weights_passes_and_claims_no_more(capsys):
    assert tools.main(["weights", "verify"]) == 0
    said = capsys.readouterr().out
    assert "passed      file" in said
    assert "passed      arithmetic" in said
    assert "not proven  published example" in said


@pytest.fixture
def example(tmp_path):
    """An image of the size of the published example, and random weights of neurofm-s."""
    small = nib.load(TEMPLATE_BRAIN)
    data = np.zeros((193, 229, 193), np.float32)
    block = np.asarray(small.dataobj).repeat(2, 0).repeat(2, 1).repeat(2, 2)[:193, :229, :193]
    data[: block.shape[0], : block.shape[1], : block.shape[2]] = block
    nib.save(
        nib.Nifti1Image(data, nib.affines.from_matvec(np.eye(3), (-96, -132, -78))), tmp_path / "t1.nii.gz"
    )
    torch.manual_seed(1)
    save_file(NeuroFMNet(ARCHITECTURES["s"]).state_dict(), tmp_path / "a.safetensors")
    return tmp_path / "a.safetensors", tmp_path / "t1.nii.gz"


def test_verify_finds_out_that_weights_are_not_the_published_ones(example, capsys):
    weights, image = example
    arguments = ["weights", "verify", "neurofm-s", "--weights", str(weights), "--image", str(image)]
    assert tools.main(arguments) == Exit.DATA
    said = capsys.readouterr().out
    assert "FAILED      published example" in said
    assert "expected 8015a055" in said


def plain_features(loaded, image):
    """Return the features of the example by the plain network and nibabel alone."""
    grid = conform(nib.load(image), out_shape=(256,) * 3, order=1, orientation="LIA").get_fdata()
    standard = torch.from_numpy((grid - grid.mean()) / grid.std()).float()
    with torch.inference_mode():
        return loaded.network(standard[None, None]).latent[0].numpy()


@pytest.mark.slow
def test_features_are_compared_with_the_published_ones(example, monkeypatch):
    loaded = load_model("neurofm-s", example[0])
    published = {"Features": plain_features(loaded, example[1]), "Image": "that image"}
    monkeypatch.setattr(verify, "read_json", lambda path: published)
    check = verify.published_example(loaded, example[1])
    assert check.passed, check.result
    assert "of the 160 features" in check.result
    assert check.result.endswith("(that image)")
    published["Features"][-1] += 3e-4
    assert verify.published_example(loaded, example[1]).passed is False


def test_verify_takes_the_images_of_the_example_only_and_says_when_there_is_none(example, monkeypatch):
    weights, _ = example
    loaded = load_model("neurofm-s", weights)
    with pytest.raises(NeuroFMError, match="not that of the published example"):
        verify.published_example(loaded, TEMPLATE_BRAIN)
    asked = []
    monkeypatch.setattr(verify, "TEMPLATE", "another")
    monkeypatch.setattr("templateflow.api.get", lambda name, **_: asked.append(name))
    check = verify.published_example(loaded)
    assert check.passed is None
    assert "pass the file with --image" in check.result
    assert asked == ["MNI152NLin2009cAsym"]
