import json

import pytest

from neurofm_bids.cli.given_derivatives import derivative_settings
from neurofm_bids.cli.options import parse
from neurofm_bids.errors import Exit, NeuroFMError
from tests.conftest import write_dataset_files


@pytest.fixture
def folders(tmp_path, monkeypatch):
    write_dataset_files(tmp_path / "bids")
    made = tmp_path / "fmriprep-23"
    made.mkdir()
    (made / "dataset_description.json").write_text(json.dumps({"GeneratedBy": [{"Name": "fMRIPrep"}]}))
    (tmp_path / "fastsurfer").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def parsed(*options):
    return parse(["bids", "out", "participant", *options]).processing


@pytest.mark.parametrize(
    ("options", "masks", "bias", "names"),
    [
        ([], "auto", "n4", []),
        (["-d", "x=fmriprep-23"], "derivatives", "n4", ["x"]),
        (["--derivatives", "fmriprep-23", "fastsurfer"], "derivatives", "n4", ["fMRIPrep", "fastsurfer"]),
        (["-d", "fastsurfer", "--skull-strip", "derivatives"], "derivatives", "n4", ["fastsurfer"]),
        (
            ["-d", "fastsurfer", "--bias-correction", "derivatives"],
            "derivatives",
            "derivatives",
            ["fastsurfer"],
        ),
        (
            ["-d", "fastsurfer", "--bias-correction", "derivatives", "--skull-strip", "auto"],
            "auto",
            "derivatives",
            ["fastsurfer"],
        ),
    ],
)
def test_what_derivatives_are_used_for(folders, options, masks, bias, names):
    processing = parsed(*options)
    assert (processing.skull_strip, processing.bias_correction) == (masks, bias)
    assert [derivative.name for derivative in processing.derivatives] == names
    assert all(derivative.path.is_absolute() for derivative in processing.derivatives)


def test_without_derivatives_nothing_is_set():
    assert derivative_settings({"bids_dir": "x"}) == {}
    assert derivative_settings({"skull_strip": "skip"}) == {"skull_strip": "skip"}


def test_the_place_of_a_derivative_does_not_change_the_settings(folders):
    assert parsed("-d", "fastsurfer").parameters_hash == parsed("-d", "x=fmriprep-23").parameters_hash
    assert parsed("-d", "fastsurfer").parameters_hash != parsed().parameters_hash


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--skull-strip", "derivatives"], Exit.USAGE, "--skull-strip derivatives needs --derivatives"),
        (["--bias-correction", "derivatives"], Exit.USAGE, "--bias-correction derivatives needs"),
        (["-d", "fastsurfer", "--skull-strip", "force"], Exit.USAGE, "nothing is taken from --derivatives"),
        (["-d", "a=fastsurfer", "a=fmriprep-23"], Exit.USAGE, "the name a is used already"),
        (["-d", "raw=fastsurfer"], Exit.USAGE, "the name raw is used already"),
        (["-d", "nowhere"], Exit.NO_INPUT, "the derivative was not found"),
        (["-d", "x=fmriprep-23/dataset_description.json"], Exit.NO_INPUT, "the derivative was not found"),
    ],
)
def test_wrong_derivatives_end_the_run(folders, options, code, message):
    with pytest.raises(NeuroFMError, match=message) as error:
        parsed(*options)
    assert error.value.code == code


def test_a_settings_file_names_derivatives(folders):
    (folders / "settings.toml").write_text('derivatives = ["x=fastsurfer"]\n')
    processing = parsed("--config-file", "settings.toml")
    assert (processing.skull_strip, [str(d) for d in processing.derivatives]) == (
        "derivatives",
        [f"x={folders / 'fastsurfer'}"],
    )
