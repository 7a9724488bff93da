from types import SimpleNamespace

import pytest

from tests.pretrain.evaluation.phantom import RIGID, phantom


@pytest.fixture
def runs(monkeypatch):
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
