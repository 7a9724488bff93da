from pathlib import Path

import pytest

from neurofm_bids.bids.output import ANATOMY, ATTRIBUTION, IMAGES, parts_of
from neurofm_bids.config import Config, Outputs, Processing


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({}, {ANATOMY}),
        ({"processing": Processing(no_anatomy=True)}, set()),
        ({"processing": Processing(attribution=("age",))}, {ANATOMY, ATTRIBUTION}),
        ({"outputs": Outputs(output_images=True)}, {ANATOMY, IMAGES}),
    ],
)
def test_the_parts_of_a_run(settings, parts):
    assert parts_of(Config(Path(), Path(), **settings)) == parts
