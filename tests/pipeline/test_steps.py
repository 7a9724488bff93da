from dataclasses import replace
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.config import Processing
from neurofm_bids.geometry import as_matrix
from neurofm_bids.pipeline.steps import STEPS, most_memory_gb, producer
from tests.preprocess.test_iqm import brain, registration


def test_every_input_is_an_output_of_an_earlier_step():
    made = set()
    for step in STEPS:
        assert set(step.inputs) <= made, step.name
        made |= set(step.outputs)


def test_names_are_used_once():
    assert len({step.name for step in STEPS}) == len(STEPS)
    outputs = [name for step in STEPS for name in step.outputs]
    assert len(set(outputs)) == len(outputs)


def test_every_output_but_the_last_is_used():
    used = {name for step in STEPS for name in step.inputs}
    assert {name for step in STEPS for name in step.outputs} - used == {"sidecar"}


def test_only_the_network_runs_on_a_gpu_and_only_brain_extraction_takes_more_threads():
    assert [step.name for step in STEPS if step.gpu] == ["anatomy", "attribution", "encode"]
    assert [step.name for step in STEPS if step.parallel] == ["brain_extraction"]


@pytest.mark.parametrize("output", ["mask", "registration", "record", "sidecar"])
def test_the_producer_of_an_output_has_it(output):
    assert output in producer(output).outputs


def test_memory_grows_with_the_image():
    usual, attributed = Processing(), Processing(attribution=("age",))
    assert 1.0 < most_memory_gb(usual, 10**7) < most_memory_gb(usual, 5 * 10**7) < 4.0
    assert most_memory_gb(usual) < most_memory_gb(attributed)


@pytest.mark.parametrize("space", ["rigid", "native"])
def test_a_confused_orientation_fails_in_either_space(space):
    image, mask = brain(zoom=1.4)
    task = SimpleNamespace(processing=Processing(encode_space=space))
    centred = replace(
        registration(rotation_degrees=90.0),
        rigid=as_matrix(nib.affines.from_matvec(np.eye(3), (-90, -90, -90))),
    )
    values = {"t1w": image, "mask": mask, "corrected": image, "registration": centred}
    made = producer("grid").run(task, values)
    assert {"implausible_rotation": "serious"}.items() <= {
        flag.name: flag.severity for flag in made["quality_flags"]
    }.items()
