from dataclasses import replace
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.config import Processing
from neurofm_bids.geometry import as_matrix
from neurofm_bids.pipeline.hand_over import interim_folder
from neurofm_bids.pipeline.steps import HAND_OVER, STEPS, most_memory_gb, producer, steps_of
from neurofm_bids.records.scan import Identity
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


def test_two_stages_have_the_steps_of_both_at_once():
    first, second = (steps_of(Processing(attribution=("age",)), stage) for stage in ("preprocess", "encode"))
    assert first[-1] is HAND_OVER
    assert (*first[:-1], *second) == STEPS
    assert steps_of(Processing()) == tuple(step for step in STEPS if step.name != "attribution")


def test_preprocessing_uses_no_network_and_leaves_all_that_encoding_needs():
    first, second = (steps_of(Processing(attribution=("age",)), stage) for stage in ("preprocess", "encode"))
    assert not any(step.gpu for step in first)
    made = {name for step in second for name in step.outputs}
    assert {name for step in second for name in step.inputs} - made == set(HAND_OVER.inputs)
    assert {"input", "derived"} <= set(HAND_OVER.inputs)


def test_each_scan_has_its_folder_between_stages(tmp_path):
    scan = Identity(stem="sub-01_ses-a", subject="01", session="a")
    folder = interim_folder(tmp_path, scan)
    assert folder == tmp_path / "interim" / "sub-01_ses-a"


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
    assert most_memory_gb(attributed, stage="preprocess") < most_memory_gb(attributed, stage="encode")


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
