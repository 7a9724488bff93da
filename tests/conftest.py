import json
import os
import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("loaded machines", deadline=None)
settings.load_profile("loaded machines")

TEMPLATE_BRAIN = Path(
    str(files("neurofm_bids") / "data" / "tpl-MNI152NLin2009cAsym_res-02_desc-brain_T1w.nii.gz")
)

# ITK reads it once, when it first starts threads: antspyx is the reference in several tests.
os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"


def pytest_make_parametrize_id(val, argname):
    """Name a test with bytes by the argument: compressed bytes hold the time, so workers would disagree."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def shared():
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the shared real scans and fixtures are not beside the project")
    return folder


def refuse_download(*_, **__):
    raise subprocess.CalledProcessError(1, "pip")


@pytest.fixture
def offline(monkeypatch):
    """Let the download of the demo fail."""
    monkeypatch.setattr(subprocess, "run", refuse_download)


@pytest.fixture(scope="session")
def browser():
    path = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
    return path or pytest.skip("no chromium is installed")


@pytest.fixture
def no_temporary_folder(monkeypatch):
    """Leave the process without a temporary folder, unless it sets one."""

    def gettempdir():
        if tempfile.tempdir is None:
            raise FileNotFoundError
        return tempfile.tempdir

    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "gettempdir", gettempdir)


def small_image():
    data = np.random.default_rng(0).normal(100, 10, (8, 8, 8)).astype(np.float32)
    return nib.Nifti1Image(data, np.eye(4))


def write_dataset_files(root, participants=""):
    root.mkdir(exist_ok=True, parents=True)
    (root / "dataset_description.json").write_text(json.dumps({"Name": "test", "BIDSVersion": "1.9.0"}))
    (root / "README").write_text("A test dataset.\n")
    if participants:
        (root / "participants.tsv").write_text(participants)
    return root


def write_t1w(root, subject, image, ending=".nii.gz"):
    """Write the T1w of a participant and return its path."""
    path = root / f"sub-{subject}" / "anat" / f"sub-{subject}_T1w{ending}"
    path.parent.mkdir(parents=True)
    nib.save(image, path)
    return path


@pytest.fixture
def bids_dataset(tmp_path):
    """Return a function that writes a dataset from relative image paths."""

    def make(*images, name="bids"):
        root = write_dataset_files(tmp_path / name)
        for image in images:
            path = root / image
            path.parent.mkdir(parents=True, exist_ok=True)
            nib.save(small_image(), path)
        return root

    return make


@pytest.fixture(scope="session")
def brain_image():
    """A skull-stripped brain at 2 mm, turned and smaller than the template: quick to process."""
    image = nib.load(TEMPLATE_BRAIN)
    data = np.asarray(image.dataobj, dtype=np.float32)
    noise = np.random.default_rng(1).normal(0, 0.02 * data.max(), data.shape)
    data = np.where(data > 0, np.maximum(data + noise, 1), 0).astype(np.int16)
    turn = nib.affines.from_matvec(nib.eulerangles.euler2mat(0.1, 0.05, 0.15) * 0.94, (3, -4, 6))
    return nib.Nifti1Image(data, turn @ image.affine)
