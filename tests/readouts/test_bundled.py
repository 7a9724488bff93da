"""The readouts that come with the package."""

from dataclasses import replace

from neurofm_bids.readouts.bundled import FOLDER, bundled_readouts
from neurofm_bids.readouts.file import read_readout, write_readout
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


def test_all_that_are_shipped_can_be_read():
    assert all(read_readout(path).digest for path in FOLDER.glob("*.json"))
