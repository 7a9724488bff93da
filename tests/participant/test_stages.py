"""The stages of preprocessing and encoding one after the other, compared with both at once."""

import json
import re
import shutil
from pathlib import Path

import pytest

from neurofm_bids.cli.main import main
from neurofm_bids.pipeline import network
from tests.conftest import write_dataset_files, write_t1w
from tests.tables import failed_rows

QUICK = ("--views", "1", "--no-anatomy", "--device", "cpu", "--output-images", "--nprocs", "2")


@pytest.fixture(scope="module")
def root(tmp_path_factory, brain_image):
    """A dataset of a scan and a damaged one."""
    folder = tmp_path_factory.mktemp("stages")
    bids = write_dataset_files(folder / "bids", "participant_id\tage\tsex\nsub-good\t34\tF\n")
    write_t1w(bids, "good", brain_image)
    path = write_t1w(bids, "corrupt", brain_image)
    path.write_bytes(path.read_bytes()[:5000])
    return folder


def run(root, out, *options, levels=("participant",)):
    places = [str(root / "bids"), str(root / out), *levels]
    return main([*places, *QUICK, "-w", str(root / "work"), *options])


@pytest.fixture(scope="module")
def at_once(root):
    return run(root, "once"), root / "once"


@pytest.fixture(scope="module")
def preprocessed(root):
    code = run(root, "two", "--stage", "preprocess")
    return code, Path(shutil.copytree(root / "two", root / "preprocessed"))


@pytest.fixture(scope="module")
def in_stages(root, preprocessed):
    return run(root, "two", "--stage", "encode"), root / "two"


def files(out):
    """Return the bytes of all outputs but logs, without the command in reports."""
    paths = (path for path in out.rglob("*") if path.is_file() and path.relative_to(out).parts[0] != "logs")
    texts = {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}
    return {
        name: re.sub(rb"<code>neurofm .*?</code>|neurofm-contents [0-9a-f]{64}", b"", text)
        for name, text in texts.items()
        if not name.startswith("interim/")
    }


def test_both_at_once_leave_nothing_in_between(at_once):
    code, out = at_once
    assert code == 1
    assert not (out / "interim").exists()


def test_a_preprocessed_scan_waits_and_has_no_report(preprocessed):
    code, out = preprocessed
    assert code == 1
    assert (out / "interim/sub-good/signature.json").is_file()
    assert not (out / "sub-good").exists()
    assert not (out / "sub-good.html").exists()
    assert "cannot be read" in (out / "sub-corrupt.html").read_text()


def test_stages_give_the_bytes_of_both_at_once(at_once, in_stages):
    assert (at_once[0], in_stages[0]) == (1, 1)
    once, staged = files(at_once[1]), files(in_stages[1])
    assert sorted(once) == sorted(staged)
    assert len([name for name in once if name.startswith("sub-good/anat/")]) > 10
    different = [name for name in once if once[name] != staged[name]]
    assert different == ["sub-corrupt.html"]  # it says that preprocessing is to be run again
    assert b"Then run the stage of preprocessing again." in staged["sub-corrupt.html"]


def test_a_finished_scan_leaves_nothing_in_between(in_stages):
    _, out = in_stages
    assert [path.name for path in (out / "interim").rglob("*") if path.is_file()] == ["failure.json"]


def test_a_scan_that_could_not_be_preprocessed_fails_as_it_did(in_stages):
    _, out = in_stages
    (row,) = failed_rows(out).values()
    assert (row["step"], "cannot be read" in row["reason"]) == ("brain_extraction", True)
    assert row["fix"].endswith("Then run the stage of preprocessing again.")


def steps(out):
    """Return the steps that each run timed of the good scan."""
    tables = sorted(out.glob("logs/*/timing.tsv"))
    lines = [[line.split("\t") for line in table.read_text().splitlines()[1:]] for table in tables]
    return [{row[2] for row in rows if row[1] == "sub-good"} for rows in lines]


def test_encoding_never_preprocesses(in_stages):
    _, out = in_stages
    first, second = steps(out)
    assert first == {"brain_extraction", "bias_correction", "registration", "model_grid", "hand_over"}
    assert second == {"figures", "encode", "write"}


def test_preprocessing_loads_no_network(root, preprocessed, monkeypatch, capsys, tmp_path):
    shutil.copytree(preprocessed[1], root / "again")
    monkeypatch.setattr(network, "load_encoder", None)
    assert run(root, "again", "--stage", "preprocess", "--participant-label", "good") == 0
    assert run(root, "again", "--stage", "preprocess", "--force", "--dry-run") == 0
    assert "preprocess  sub-good/anat/sub-good_T1w.nii.gz        forced" in capsys.readouterr().out


def test_a_hand_over_of_another_image_is_not_encoded(root, preprocessed, brain_image, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(root / "bids", folder / "bids")
    shutil.copytree(preprocessed[1], folder / "out")
    path = folder / "bids/sub-good/anat/sub-good_T1w.nii.gz"
    path.write_bytes(path.read_bytes() + b"\0")
    assert run(folder, "out", "--stage", "encode", "--participant-label", "good") == 1
    (row,) = [row for row in failed_rows(folder / "out").values() if "good" in row["scan"]]
    assert row["reason"] == "the scan has to be preprocessed first (the image has changed)"
    assert json.loads((folder / "out/interim/sub-good/signature.json").read_text())["Input"]
