"""That it gives what the command writes is tested in tests/participant/test_run.py."""

import pytest

from neurofm_bids.pipeline.in_memory import steps_for


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
                "attribution",
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
                "attribution",
                "figures",
            ],
        ),
    ],
)
def test_only_the_steps_that_are_needed_run(outputs, names):
    assert [step.name for step in steps_for(outputs)] == names
