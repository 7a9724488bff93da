from types import SimpleNamespace

import nibabel as nib
import pytest

from neurofm_bids.pretrain.evaluation.prepared_scan import prepare
from tests.pretrain.evaluation.phantom import RIGID, phantom


def replace_preprocessing(monkeypatch):
    """Replace preprocessing by a phantom that is moved by a known matrix; return the list of its calls."""
    image, mask, _ = phantom()
    calls = []

    def run_in_memory(task, outputs):
        calls.append(task.source)
        return {
            "corrected": image,
            "mask": mask,
            "registration": SimpleNamespace(rigid=RIGID.tolist()),
            "brain_extraction": SimpleNamespace(volume_mm3=1.4e6),
        }

    monkeypatch.setattr("neurofm_bids.pipeline.in_memory.run_in_memory", run_in_memory)
    return calls


@pytest.fixture
def runs(monkeypatch):
    return replace_preprocessing(monkeypatch)


@pytest.fixture(scope="session")
def prepared_phantom(tmp_path_factory):
    """Return the phantom on the model grid."""
    folder = tmp_path_factory.mktemp("phantom")
    nib.save(phantom()[0], folder / "T1w.nii.gz")
    with pytest.MonkeyPatch.context() as monkeypatch:
        replace_preprocessing(monkeypatch)
        return prepare(folder / "T1w.nii.gz", folder / "work", stability=False)
