"""That it gives what the command writes is tested in tests/participant/test_run.py."""

from dataclasses import replace

import pytest

from neurofm_bids.config import Processing
from neurofm_bids.pipeline.in_memory import steps_for
from neurofm_bids.pipeline.steps import STEPS, absent_values
from neurofm_bids.pipeline.task import Task
from neurofm_bids.records.scan import Identity

TASK = Task("image.nii.gz", Identity(), {}, Processing(), "")


@pytest.mark.parametrize(
    ("outputs", "names"),
    [
        (["mask"], ["brain_extraction"]),
        (["registration"], ["brain_extraction", "bias_correction", "registration"]),
        (
            ["record"],
            [
                "brain_extraction",
                "bias_correction",
                "registration",
                "model_grid",
                "anatomy",
                "encode",
            ],
        ),
        (
            ["grid_figure", "mask"],
            [
                "brain_extraction",
                "bias_correction",
                "registration",
                "model_grid",
                "anatomy",
                "figures",
            ],
        ),
    ],
)
def test_only_the_steps_that_are_needed_run(outputs, names):
    assert [step.name for step in steps_for(TASK, outputs)] == names


@pytest.mark.parametrize(
    ("settings", "optional_steps"),
    [
        ({}, ["anatomy"]),
        ({"attribution": ("age",)}, ["anatomy", "attribution"]),
        ({"attribution": ("age",), "no_anatomy": True}, ["attribution"]),
        ({"no_anatomy": True}, []),
    ],
)
def test_what_was_not_asked_for_is_left_out(settings, optional_steps):
    task = replace(TASK, processing=Processing(**settings))
    names = [step.name for step in steps_for(task, ["sidecar"])]
    assert [name for name in names if name in {"anatomy", "attribution"}] == optional_steps
    assert names[-1] == "write"
    absent = absent_values(task)
    assert absent.keys() == {name for step in STEPS if step.name not in names for name in step.outputs}
    assert not any(absent.values())
