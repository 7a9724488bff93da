import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest


@pytest.fixture(scope="session")
def shared():
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the shared real scans and fixtures are not beside the project")
    return folder


def small_image():
    data = np.random.default_rng(0).normal(100, 10, (8, 8, 8)).astype(np.float32)
    return nib.Nifti1Image(data, np.eye(4))


@pytest.fixture
def bids_dataset(tmp_path):
    """Return a function that writes a dataset from relative image paths."""

    def make(*images, name="bids"):
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        (root / "dataset_description.json").write_text(json.dumps({"Name": "test", "BIDSVersion": "1.9.0"}))
        (root / "README").write_text("A test dataset.\n")
        for image in images:
            path = root / image
            path.parent.mkdir(parents=True, exist_ok=True)
            nib.save(small_image(), path)
        return root

    return make
