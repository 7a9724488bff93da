"""Results change only with the pipeline version, which makes finished scans stale."""

import json

import pytest

from neurofm_bids.pipeline.steps import PIPELINE_VERSION
from tests import golden

KEPT = json.loads(golden.PATH.read_text())


def test_the_kept_outputs_are_of_this_pipeline_version():
    assert KEPT["pipeline_version"] == PIPELINE_VERSION, "write them anew: python -m tests.golden IMAGE"


@pytest.mark.realdata
def test_results_change_only_with_the_pipeline_version(shared):
    changed = golden.differences(golden.compute(shared / golden.SCAN), KEPT)
    assert changed == [], (
        "raise PIPELINE_VERSION in neurofm_bids/pipeline/steps.py, then write tests/data anew"
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"features": [value + 0.01 for value in KEPT["features"]]}, ["features"]),
        ({"predictions": {**KEPT["predictions"], "age": [30.0, 1.0]}}, ["age"]),
        (
            {"image_quality": {"snr_brain": KEPT["image_quality"]["snr_brain"]}},
            sorted(set(KEPT["image_quality"]) - {"snr_brain"}),
        ),
    ],
)
def test_a_change_is_noticed(change, expected):
    now = {name: KEPT[name] for name in ("features", "predictions", "image_quality")}
    assert golden.differences({**now, **change}, KEPT) == expected
