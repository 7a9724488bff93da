"""Runs with a dataset that is not the one that the output folder links."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from neurofm_bids.cli.main import main
from neurofm_bids.config import Config, Outputs
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.participant.job import make_job
from neurofm_bids.participant.origin import check_origin
from neurofm_bids.participant.plan import make_plan
from neurofm_bids.pipeline.provenance import identify_input
from tests.samples import scan_record, write_scan

IMAGES = [f"sub-{label}/anat/sub-{label}_T1w.nii.gz" for label in ("01", "02")]


def change(image):
    image.write_bytes(image.read_bytes() + b"another image")


@pytest.fixture
def folders(bids_dataset, tmp_path):
    """Two participants with outputs, a copy of their dataset with another image of the first, the outputs."""
    root, out = bids_dataset(*IMAGES), tmp_path / "out"
    for image in IMAGES:
        made = replace(scan_record().provenance, input=identify_input(root / image))
        write_scan(out, image.split("/")[0], provenance=made)
    description = {"GeneratedBy": [{"Name": "NeuroFM-BIDS"}], "DatasetLinks": {"raw": "../bids"}}
    (out / "dataset_description.json").write_text(json.dumps(description))
    other = shutil.copytree(root, tmp_path / "other")
    change(other / IMAGES[0])
    return root, other, out


def checked(bids_dir, out, **outputs):
    """Return whether the output folder links the dataset; the sample records have other settings."""
    job = make_job(Config(bids_dir, out, outputs=Outputs(**outputs)))
    return check_origin(job, make_plan(job))


@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--force",)])
def test_outputs_of_another_dataset_are_not_replaced(folders, capsys, tmp_path, options):
    root, other, out = folders
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert main([str(other), str(out), "participant", "-w", str(tmp_path / "work"), *options]) == 73
    message = capsys.readouterr().err
    assert f"the output folder was made from another dataset ({root})" in message
    assert "the outputs of 1 of its scans, whose images differ (sub-01): " in message
    assert f"Use another output folder for {other}." in message
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_the_dataset_itself_is_linked_whatever_its_images(folders, caplog):
    root, _, out = folders
    change(root / IMAGES[0])
    assert checked(root, out)
    assert not caplog.messages


def unreadable(root, other, out):
    (out / "sub-01" / "anat" / "sub-01_desc-openS_predictions.json").write_text("{}")


@pytest.mark.parametrize(
    ("alter", "refused", "warnings"),
    [
        (lambda root, other, out: None, True, []),
        (unreadable, True, []),
        (
            lambda root, other, out: change(root / IMAGES[0]),
            False,
            ["are replaced (sub-01)"],
        ),  # both copies were corrected
        (lambda root, other, out: shutil.rmtree(root), False, ["are replaced (sub-01)"]),
        (lambda root, other, out: (root / IMAGES[0]).unlink(), False, ["are replaced (sub-01)"]),
        (lambda root, other, out: shutil.copy2(root / IMAGES[0], other / IMAGES[0]), False, []),
        (lambda root, other, out: shutil.rmtree(out / "sub-01"), False, []),
        (lambda root, other, out: shutil.rmtree(other / "sub-01"), False, ["1 of its 2 scans are not in"]),
        (lambda root, other, out: [shutil.rmtree(p) for p in (root, other / "sub-01")], False, []),  # staged
    ],
)
def test_the_images_tell_whether_it_is_another_dataset(folders, caplog, alter, refused, warnings):
    _, other, out = folders
    alter(*folders)
    if refused:
        with pytest.raises(NeuroFMError, match="whose images differ") as caught:
            checked(other, out)
        assert caught.value.code is Exit.CANT_CREATE
        return
    assert not checked(other, out)
    assert len(caplog.messages) == len(warnings)
    assert all(text in message for text, message in zip(warnings, caplog.messages, strict=True))


def test_reports_only_replaces_nothing(folders):
    _, other, out = folders
    assert not checked(other, out, reports_only=True)


@pytest.mark.parametrize("name", ["is_file", "iterdir"])
def test_folders_that_cannot_be_read_end_no_run(folders, monkeypatch, caplog, name):
    """Nothing is replaced in them, and nothing is known to be absent."""
    root, other, out = folders
    shutil.copy(root / IMAGES[0], other / IMAGES[0])
    job = make_job(Config(other, out))
    plan = make_plan(job)
    real, closed = getattr(Path, name), {"is_file": out / "sub-01", "iterdir": other / "sub-01"}[name]

    def refuse(path):
        if path.is_relative_to(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, name, refuse)
    assert not check_origin(job, plan)
    assert not caplog.messages
