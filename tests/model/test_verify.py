import json
from importlib.resources import files
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from neurofm_bids.cli import tools
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model import verify
from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.model.weights import (
    load_model,
)


def test_verify_of_the_bundled_weights_passes_and_claims_no_more(capsys):
    assert tools.main(["weights", "verify"]) == 0
    said = capsys.readouterr().out
    assert "passed      file" in said
    assert "passed      arithmetic" in said
    assert "not proven  published example" in said


@pytest.fixture
def example(tmp_path):
    """An image of the size of the published example, and random weights of neurofm-s."""
    folder = Path(str(files("neurofm_bids") / "data"))
    small = nib.load(folder / "tpl-MNI152NLin2009cAsym_res-02_desc-brain_T1w.nii.gz")
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


def test_verify_passes_when_the_published_figures_come_out(example, monkeypatch):
    weights, image = example
    loaded = load_model("neurofm-s", weights)
    figures = verify._published_run(loaded, image)
    real = json.loads((files("neurofm_bids") / "data/verification/neurofm-s.json").read_text())
    assert len(real["Features"]) == len(figures) == 160
    monkeypatch.setattr(verify.json, "loads", lambda text: {**real, "Features": [float(f) for f in figures]})
    assert verify._example(loaded, image).passed
    monkeypatch.setattr(
        verify.json, "loads", lambda text: {**real, "Features": [float(f) + 3e-4 for f in figures]}
    )
    assert verify._example(loaded, image).passed is False


def test_verify_takes_the_images_of_the_example_only_and_says_when_there_is_none(example, monkeypatch):
    weights, _ = example
    loaded = load_model("neurofm-s", weights)
    with pytest.raises(NeuroFMError, match="not that of the published example"):
        verify._example(
            loaded, files("neurofm_bids") / "data/tpl-MNI152NLin2009cAsym_res-02_desc-brain_T1w.nii.gz"
        )
    monkeypatch.setattr("templateflow.api.get", lambda *_, **__: [])
    check = verify._example(loaded, None)
    assert check.passed is None
    assert "pass the file with --image" in check.result
