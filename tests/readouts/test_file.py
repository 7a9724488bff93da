"""Files of readouts."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files

import jsonschema
import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.readouts.file import read_readout, write_readout
from neurofm_bids.readouts.readout import FORMAT_VERSION, Linear
from neurofm_bids.records.schema import to_json
from tests.readouts.made import made_readout, with_replicates
from tests.readouts.test_consistency import KINDS

REGENERATE = "python -m neurofm_bids.readouts > neurofm_bids/data/readout.schema.json"
SHIPPED = json.loads(files("neurofm_bids").joinpath("data/readout.schema.json").read_text())


@pytest.mark.parametrize("kind", KINDS)
def test_a_readout_survives_its_file(tmp_path, kind):
    path = tmp_path / "a.json"
    written = write_readout(path, with_replicates(made_readout(kind), -1.0, 1.0))
    assert read_readout(path) == written
    jsonschema.validate(json.loads(path.read_text()), SHIPPED)


def test_numbers_are_written_to_seven_digits_and_signed_as_written(tmp_path):
    readout = made_readout(functions=(Linear(1 / 3, (1.0, 2.0)),))
    written = write_readout(tmp_path / "a.json", readout)
    assert written.functions[0].intercept == 0.3333333
    assert read_readout(tmp_path / "a.json").digest == written.digest != ""


def test_equal_readouts_have_equal_files(tmp_path):
    for name in ("a", "b"):
        write_readout(tmp_path / name, made_readout())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_does_not_fit_together_is_not_written(tmp_path):
    with pytest.raises(NeuroFMError, match="do not fit together"):
        write_readout(tmp_path / "a.json", replace(made_readout(), scores=()))
    assert not (tmp_path / "a.json").exists()


def test_the_shipped_schema_is_that_of_the_readout():
    command = [sys.executable, "-m", "neurofm_bids.readouts"]
    written = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert written == SHIPPED, f"The readout changed. Regenerate the schema: {REGENERATE}"
    jsonschema.Draft202012Validator.check_schema(SHIPPED)


def test_every_definition_of_the_schema_is_described():
    for definition in (SHIPPED, *SHIPPED["$defs"].values()):
        assert definition["description"], definition["title"]
    assert SHIPPED["properties"]["Replicates"]["description"].startswith("The functions fitted on bootstrap")


def changed(values, **changes):
    return json.dumps({**values, **changes}).encode()


@pytest.mark.parametrize(
    ("content", "message", "fix"),
    [
        (lambda v: b"{", "the readout is damaged (", "fit the readout again"),
        (lambda v: pickle.dumps(v), "the readout is damaged (", "fit the readout again"),
        (lambda v: b"[]", "this is not a readout (", "fit the readout again"),
        (lambda v: changed(v, Typo=1), "this is not a readout (Typo is unknown)", "fit the readout again"),
        (
            lambda v: changed(v, FormatVersion=FORMAT_VERSION + 1),
            f"the readout has format version {FORMAT_VERSION + 1}, and this version of NeuroFM-BIDS reads",
            "Use the version of NeuroFM-BIDS that wrote it",
        ),
        (lambda v: changed(v, License="MIT"), "the readout is damaged or was edited", "Copy the file again"),
        (lambda v: changed(v, Digest=""), "the readout is damaged or was edited", "Copy the file again"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message, fix):
    path = tmp_path / "a.json"
    write_readout(path, made_readout())
    path.write_bytes(content(json.loads(path.read_text())))
    with pytest.raises(NeuroFMError) as caught:
        read_readout(path)
    assert caught.value.what.startswith(message)
    assert fix in caught.value.fix
    assert (caught.value.where, caught.value.code) == (path, Exit.DATA)


def test_a_signed_readout_that_does_not_fit_together_is_refused(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(to_json(made_readout(thresholds=(0.0,)))))
    with pytest.raises(NeuroFMError, match="1 thresholds for 0 classes") as caught:
        read_readout(path)
    assert caught.value.where == path


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()])
def test_what_cannot_be_read_is_a_wrong_use(tmp_path, make):
    path = tmp_path / "a.json"
    make(path)
    with pytest.raises(NeuroFMError, match="readout") as caught:
        read_readout(path)
    assert caught.value.code == Exit.USAGE
