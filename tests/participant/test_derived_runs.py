"""Runs with the masks of other programs, on small brains."""

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.api import NeuroFM
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.stored import stored_scans
from neurofm_bids.cli.main import main
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.preprocess.brain_extraction import extract_brain
from neurofm_bids.preprocess.load import load_t1w
from neurofm_bids.records.feature_table import read_features
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.storage.atomic import file_sha256
from tests.conftest import write_dataset_files, write_t1w
from tests.tables import failed_rows

QUICK = ("--views", "1", "--no-anatomy", "--device", "cpu")


@pytest.fixture(scope="module")
def folders(tmp_path_factory, brain_image):
    """Three participants; a derivative has the mask of one, and that of another in template space."""
    root = tmp_path_factory.mktemp("derived")
    bids = write_dataset_files(root / "bids")
    for subject in ("good", "mni", "none"):
        write_t1w(bids, subject, brain_image)
    given = write_dataset_files(root / "fmriprep-out")
    description = {"Name": "x", "GeneratedBy": [{"Name": "fMRIPrep", "Version": "23.1.3"}]}
    (given / "dataset_description.json").write_text(json.dumps(description))
    mask, _ = extract_brain(load_t1w(brain_image))
    for name in ("sub-good/anat/sub-good", "sub-mni/anat/sub-mni_space-MNI152NLin2009cAsym_res-2"):
        path = given / f"{name}_desc-brain_mask.nii.gz"
        path.parent.mkdir(parents=True)
        nib.save(nib.as_closest_canonical(mask), path)
    return root


def run(folders, *options):
    given = f"fmriprep={folders / 'fmriprep-out'}"
    places = [str(folders / "bids"), str(folders / "out")]
    return main([*places, "participant", *QUICK, "-w", str(folders / "work"), "-d", given, *options])


@pytest.fixture(scope="module")
def finished(folders):
    return run(folders), folders


def file(folders, ending):
    return folders / "out/sub-good/anat" / f"sub-good_{ending}"


def record(folders):
    return ScanRecord.from_dict(json.loads(file(folders, "desc-openS_predictions.json").read_text()))


def test_the_record_names_the_mask(finished):
    code, folders = finished
    assert code == 1
    made, (derived,) = record(folders), record(folders).derived
    path = folders / "fmriprep-out/sub-good/anat/sub-good_desc-brain_mask.nii.gz"
    assert (derived.use, derived.dataset, derived.tool) == ("mask", "fmriprep", "fMRIPrep 23.1.3")
    assert derived.path == "sub-good/anat/sub-good_desc-brain_mask.nii.gz"
    assert derived.input.hash == file_sha256(path)
    extraction = made.measurements.brain_extraction
    assert (extraction.method, extraction.version) == ("derivatives", "fMRIPrep 23.1.3")
    assert made.provenance.parameters["skull_strip"] == "derivatives"


def test_sidecars_name_their_sources(finished):
    _, folders = finished
    sidecar = json.loads(file(folders, "desc-brain_mask.json").read_text())
    uri = "bids:fmriprep:sub-good/anat/sub-good_desc-brain_mask.nii.gz"
    assert sidecar["Sources"] == ["bids:raw:sub-good/anat/sub-good_T1w.nii.gz", uri]
    assert sidecar["Description"] == "Brain mask of fMRIPrep 23.1.3 on the grid of the T1w"
    links = json.loads((folders / "out/dataset_description.json").read_text())["DatasetLinks"]
    assert links == {"raw": "../bids", "fmriprep": "../fmriprep-out"}


def test_the_report_names_the_mask(finished):
    _, folders = finished
    page = (folders / "out/sub-good.html").read_text()
    assert "bids:fmriprep:sub-good/anat/sub-good_desc-brain_mask.nii.gz" in page
    assert "The brain mask is that of fMRIPrep 23.1.3" in page
    assert "Brain masks were taken from derivatives" in (folders / "out/logs/CITATION.md").read_text()


def test_scans_without_a_mask_fail_by_name_and_are_not_stripped(finished):
    _, folders = finished
    rows = {scan.split("/")[0]: row for scan, row in failed_rows(folders / "out").items()}
    assert set(rows) == {"sub-mni", "sub-none"}
    assert "in another space than that of the T1w only" in rows["sub-mni"]["reason"]
    assert "looked for sub-none/anat/sub-none_desc-brain_mask.nii.gz" in rows["sub-none"]["reason"]
    assert all("leave out the option" in row["fix"] for row in rows.values())
    stored = stored_scans(Derivatives(folders / "out", "openS"))
    assert [scan.subject for scan in stored] == ["good"]


def test_python_gives_the_same(finished, brain_image):
    _, folders = finished
    image = folders / "bids/sub-good/anat/sub-good_T1w.nii.gz"
    mask = folders / "fmriprep-out/sub-good/anat/sub-good_desc-brain_mask.nii.gz"
    model = NeuroFM("open-s", device="cpu", views=1)
    result = model.predict(image, mask=mask, no_anatomy=True)
    np.testing.assert_allclose(
        result.features, read_features(file(folders, "desc-openS_features.tsv")), rtol=1e-6
    )
    (derived,) = result.record.derived
    assert (derived.use, derived.path, derived.input.hash) == ("mask", mask.name, file_sha256(mask))
    again = model.predict(nib.load(image), mask=nib.load(mask), no_anatomy=True)
    assert np.array_equal(again.features, result.features)
    with pytest.raises(NeuroFMError, match="mask and skull_strip exclude each other"):
        model.predict(image, mask=mask, skull_strip="force")
    with pytest.raises(NeuroFMError, match="no image of another program is given"):
        model.predict(image, skull_strip="derivatives")


def preview(folders, capsys, *options):
    assert run(folders, "--dry-run", *options) == 0
    lines = capsys.readouterr().out.splitlines()
    return {line.split("sub-")[1].split("/")[0]: line for line in lines if "sub-" in line}


def test_a_changed_mask_makes_its_scan_stale(finished, capsys, tmp_path):
    _, source = finished
    folders = Path(shutil.copytree(source, tmp_path / "copy"))
    rows = preview(folders, capsys)
    assert rows["good"].startswith("up to date")
    assert rows["mni"].startswith("cannot run")
    path = folders / "fmriprep-out/sub-good/anat/sub-good_desc-brain_mask.nii.gz"
    shutil.copytree(folders / "fmriprep-out", folders / "moved")
    assert preview(folders, capsys, "-d", f"other={folders / 'moved'}")["good"].startswith("up to date")
    mask = nib.load(path)
    data = np.asarray(mask.dataobj).copy()
    data[tuple(np.argwhere(data)[0])] = 0
    nib.save(nib.Nifti1Image(data, mask.affine), path)
    assert "the brain mask of another program has changed" in preview(folders, capsys)["good"]
    own = preview(
        folders,
        capsys,
        "-d",
        str(path.parents[2]),
        "--skull-strip",
        "auto",
        "--bias-correction",
        "derivatives",
    )
    assert "looked for sub-good/anat/sub-good_desc-preproc_T1w.nii.gz" in own["good"]


def test_a_run_without_derivatives_processes_the_scan_again(finished, capsys, tmp_path):
    _, source = finished
    folders = Path(shutil.copytree(source, tmp_path / "copy"))
    places = [str(folders / "bids"), str(folders / "out")]
    assert main([*places, "participant", *QUICK, "-w", str(folders / "work"), "--dry-run"]) == 0
    assert "skull_strip=derivatives, now auto" in capsys.readouterr().out


def test_stages_use_the_mask_and_encoding_does_not_need_it(finished, tmp_path):
    _, source = finished
    folders = Path(shutil.copytree(source, tmp_path / "copy", ignore=shutil.ignore_patterns("out")))
    mask = folders / "fmriprep-out/sub-good/anat/sub-good_desc-brain_mask.nii.gz"
    assert run(folders, "--stage", "preprocess") == 1
    assert set(failed_rows(folders / "out")) == set(failed_rows(source / "out"))
    assert (folders / "out/interim/sub-good/signature.json").is_file()
    mask.rename(tmp_path / "archived.nii.gz")
    good = ("--participant-label", "good")
    assert run(folders, "--stage", "encode", *good) == 0
    assert not (folders / "out/interim/sub-good").exists()
    assert record(folders).derived == record(source).derived
    for ending in ("desc-openS_features.tsv", "desc-openS_predictions.json", "desc-brain_mask.json"):
        assert file(folders, ending).read_bytes() == file(source, ending).read_bytes()


def test_a_finished_scan_keeps_its_report_without_its_mask(finished, tmp_path, capsys):
    _, source = finished
    folders = Path(shutil.copytree(source, tmp_path / "copy"))
    (folders / "fmriprep-out/sub-good/anat/sub-good_desc-brain_mask.nii.gz").unlink()
    good = ("--participant-label", "good")
    for options in ((), ("--reports-only",), ("--reports-only", "--views", "2")):
        assert run(folders, *good, *options) == 0
        assert "The brain mask is that of fMRIPrep 23.1.3" in (folders / "out/sub-good.html").read_text()
    assert "Derivative no longer found of 1 scans" in capsys.readouterr().err
    assert run(folders, *good, "--views", "2") == 1
