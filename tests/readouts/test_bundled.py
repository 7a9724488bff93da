"""The readouts that come with the package."""

from dataclasses import replace

import pytest

from neurofm_bids.anatomy.weights import bundled_sha256
from neurofm_bids.config import Processing
from neurofm_bids.model.weights import identify
from neurofm_bids.pipeline.steps import PIPELINE_VERSION
from neurofm_bids.readouts.bundled import FOLDER, bundled_readouts
from neurofm_bids.readouts.file import write_readout
from neurofm_bids.records.origin import make_origin
from tests.readouts.made import made_readout


def test_only_those_of_the_features_in_use_are_applied(tmp_path):
    ours = write_readout(tmp_path / "b.json", made_readout(name="blur"))
    noise = write_readout(tmp_path / "a.json", made_readout(name="noise"))
    other = replace(ours.origin, weights_sha256="f" * 64)
    write_readout(tmp_path / "c.json", made_readout(name="motion", origin=other))
    assert bundled_readouts(ours.origin, tmp_path) == (noise, ours)
    assert bundled_readouts(replace(other, pipeline_version=99), tmp_path) == ()


def test_without_a_folder_there_are_none(tmp_path):
    assert bundled_readouts(made_readout().origin, tmp_path / "absent") == ()


def test_one_at_least_of_those_that_are_shipped_fits_the_default_run():
    if not any(FOLDER.glob("*.json")):
        pytest.skip("no readout is shipped with this version")
    processing = Processing()
    _, weights_sha256 = identify(processing.model)
    origin = make_origin(PIPELINE_VERSION, weights_sha256, bundled_sha256(), processing.parameters)
    names = [readout.task.name for readout in bundled_readouts(origin)]
    assert names, "none of the readouts in data/readouts can be applied with default settings"
    assert len({*names}) == len(names)
