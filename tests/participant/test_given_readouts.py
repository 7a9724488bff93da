"""The readouts of a run."""

from dataclasses import replace

import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.participant.given_readouts import given_readouts
from neurofm_bids.readouts.file import write_readout
from tests.readouts.made import made_readout

ORIGIN = made_readout().origin


def written(folder, *names, **changes):
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{name}.json" for name in names]
    for path in paths:
        write_readout(path, made_readout(name=path.stem, **changes))
    return paths


def test_readouts_keep_their_order(tmp_path):
    paths = written(tmp_path, "b", "a")
    assert [one.task.name for one in given_readouts(paths, ORIGIN, tmp_path / "none")] == ["b", "a"]
    assert given_readouts([], ORIGIN, tmp_path / "none") == ()


def test_those_of_the_package_come_first_and_can_be_replaced(tmp_path):
    written(tmp_path / "bundled", "noise", "blur")
    (mine,) = written(tmp_path / "mine", "noise", residual_quantile=1.0)
    found = given_readouts([mine], ORIGIN, tmp_path / "bundled")
    assert [(one.task.name, one.residual_quantile) for one in found] == [("blur", 4.0), ("noise", 1.0)]


def test_two_of_one_name_are_refused(tmp_path):
    paths = written(tmp_path / "one", "raven") + written(tmp_path / "two", "Raven")
    with pytest.raises(NeuroFMError, match=r"two readouts would be the same \(raven and Raven\)") as caught:
        given_readouts(paths, ORIGIN, tmp_path / "none")
    assert caught.value.code == Exit.USAGE


def test_other_features_are_refused_by_name(tmp_path):
    (path,) = written(tmp_path, "raven")
    with pytest.raises(NeuroFMError) as caught:
        given_readouts([path], replace(ORIGIN, parameters={"views": 1}), tmp_path / "none")
    assert str(caught.value) == (
        "the readout raven cannot be used in this run: its features were made with --views 8, not 1: "
        f"{path}. Use the settings of its training, or fit it again on scans of this run."
    )
