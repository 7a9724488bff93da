import json
import os

import numpy as np
import pytest

from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.stored import StoredScan
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.group import reading
from neurofm_bids.group.reading import read_scan
from tests.samples import write_scan

SCAN = StoredScan("01", "a", "sub-01_ses-a_run-1")


def edit(path, change):
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


@pytest.fixture
def out(tmp_path):
    write_scan(tmp_path, SCAN.stem)
    return Derivatives(tmp_path, "openS")


def test_record_and_features_of_a_scan(out):
    record, features = read_scan(out, SCAN)
    assert (record.scan.subject, record.scan.session, record.scan.stem) == ("01", "a", SCAN.stem)
    assert features.dtype == np.float32
    assert features == pytest.approx(np.random.default_rng(0).normal(size=12), rel=1e-6)


@pytest.mark.parametrize("name", ["features", "predictions", "sidecar"])
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.unlink(), "a file is missing"),
        (lambda path: path.write_bytes(b""), "a file is empty"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "a file cannot be used"),
        (lambda path: path.write_text("{"), "invalid JSON|not have exactly one row"),
        (lambda path: path.write_text("[" * 100_000), "a file cannot be used"),
    ],
)
def test_damaged_files_are_named(out, name, damage, reason):
    path = out.path(SCAN, name)
    damage(path)
    with pytest.raises(NeuroFMError, match=reason) as caught:
        read_scan(out, SCAN)
    assert caught.value.where == path.name
    assert caught.value.fix == "Run the participant level again for this scan."


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have_are_refused(out, token):
    path = out.path(SCAN, "predictions")
    path.write_text(path.read_text().replace("12.0", token))
    with pytest.raises(NeuroFMError, match="finite number"):
        read_scan(out, SCAN)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("predictions", lambda v: v["Scan"].update(Stem="sub-02"), r"of another scan \(sub-02\)"),
        ("predictions", lambda v: v["Scan"].update(Session=None), "of another scan"),
        ("predictions", lambda v: v["Provenance"]["Model"].update(Label="x"), "to the model x"),
        ("predictions", lambda v: v["Provenance"].update(ParametersHash="x"), "different runs"),
        ("predictions", lambda v: v["Predictions"]["age"].pop("Value"), "Predictions.age.Value is absent"),
        ("predictions", lambda v: v.update(Views="many"), "Views: "),
        ("predictions", lambda v: v["Predictions"]["age"].update(Value="70"), "a valid number"),
        ("predictions", lambda v: v.clear(), "Scan is absent"),
        ("sidecar", lambda v: v["NeuroFM"]["Model"].update(WeightsSHA256="0"), "different runs"),
        ("sidecar", lambda v: v.clear(), "different runs"),
    ],
)
def test_records_that_do_not_belong_together_are_refused(out, name, change, reason):
    edit(out.path(SCAN, name), change)
    with pytest.raises(NeuroFMError, match=reason):
        read_scan(out, SCAN)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("f000\tf001\n1\tnan\n", "a feature is not finite"),
        ("f000\tf001\n1\tx\n", "could not convert"),
        ("f000\tf001\n1\n", "exactly one row with the columns"),
        ("f000\tf001\n1\t2\n3\t4\n", "not have exactly one row"),
        ("f000\tf002\n1\t2\n", "not have exactly one row"),
    ],
)
def test_tables_that_are_not_features_are_refused(out, text, reason):
    out.path(SCAN, "features").write_text(text)
    with pytest.raises(NeuroFMError, match=reason):
        read_scan(out, SCAN)


def test_files_in_the_folder_of_another_participant_are_refused(tmp_path):
    folder = write_scan(tmp_path, "sub-01")
    for path in list(folder.iterdir()):
        path.rename(path.with_name(path.name.replace("sub-01", "sub-02")))
    edit(folder / "sub-02_desc-openS_predictions.json", lambda v: v["Scan"].update(Stem="sub-02"))
    with pytest.raises(NeuroFMError, match="folder of another participant"):
        read_scan(Derivatives(tmp_path, "openS"), StoredScan("01", None, "sub-02"))


def test_a_scan_that_is_written_meanwhile_is_read_again(out, monkeypatch):
    """The sidecar is removed first and written last: what was read between two writings is not used."""
    writings = iter([(1,), (2,), (3,), (3,)])
    monkeypatch.setattr(reading, "file_version", lambda _: next(writings))
    assert read_scan(out, SCAN)[0].scan.stem == SCAN.stem
    assert list(writings) == []
    counter = iter(range(100))
    monkeypatch.setattr(reading, "file_version", lambda _: next(counter))
    with pytest.raises(NeuroFMError, match="is being written") as caught:
        read_scan(out, SCAN)
    assert "again later" in caught.value.fix


def test_a_pipe_in_place_of_a_file_is_not_waited_for(out):
    path = out.path(SCAN, "sidecar")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(NeuroFMError, match="a file is missing"):
        read_scan(out, SCAN)
