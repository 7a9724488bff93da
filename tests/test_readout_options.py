"""The settings of readouts."""

from pathlib import Path

from neurofm_bids.config import GROUPS
from neurofm_bids.option import options_of
from neurofm_bids.readout_options import Readouts


def test_by_default_there_are_none():
    assert Readouts().files == Readouts().tasks == ()


def test_tasks_are_told_from_readouts_by_the_ending():
    options = Readouts((Path("a.json"), Path("b.TOML"), Path("c")))
    assert options.files == (Path("a.json"), Path("c"))
    assert options.tasks == (Path("b.TOML"),)


def test_no_option_makes_scans_be_processed_again():
    assert GROUPS["readouts"] is Readouts
    assert not any(declared.changes_results for _, declared in options_of(Readouts))
