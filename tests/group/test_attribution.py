import json
import logging
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.analysis_options import Analyses
from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.geometry import as_matrix
from neurofm_bids.group.attribution import write_mean_maps
from neurofm_bids.group.run import read_cohort, write_group
from neurofm_bids.named_path import NamedPath
from neurofm_bids.preprocess.registration import load_template
from neurofm_bids.records.attribution import Attribution
from neurofm_bids.records.judgement import Judgement
from tests.group.folders import write_shards
from tests.samples import MEASUREMENTS, one_folder, scan_record, write_scan

NAME = "group_space-MNI152NLin2009cAsym_desc-openS_attribution"
POINT = (10.0, -20.0, 15.0)  # of the template


def one(units="year", readout_digest=None):
    made = Attribution("Predicted", units, 40.0, 35.0, 0.01, 0.05, 8)
    return replace(made, readout_digest=readout_digest)


def write(
    out,
    stem,
    moved,
    amount,
    template="MNI152NLin2009cAsym",
    targets=("age",),
    readout_digest=None,
    **changes,
):
    """Write a scan whose maps hold a block around the point, and which lies elsewhere by ``moved`` mm."""
    affine = nib.affines.from_matvec(np.eye(3), moved)
    registration = replace(MEASUREMENTS.registration, affine=as_matrix(affine))
    made = scan_record().provenance
    write_scan(
        out,
        stem,
        attributions={target: one(readout_digest=readout_digest) for target in targets},
        measurements=replace(MEASUREMENTS, registration=registration),
        provenance=replace(made, parameters={"template": template}),
        **changes,
    )
    for kind in ("_desc-rigid", ""):  # the transforms to another template have another name
        name = f"{stem}_from-T1w_to-{template}_mode-image{kind}_xfm.txt"
        (out / stem / "anat" / name).write_text("not read here")
    grid = nib.affines.from_matvec(np.diag([2.0, 2, 2]), (-40, -60, -40))
    voxel = np.rint(nib.affines.apply_affine(np.linalg.inv(affine @ grid), POINT)).astype(int)
    values = np.zeros((60, 60, 60, len(targets)), np.float32)
    values[tuple(slice(v - 2, v + 3) for v in voxel)] = amount
    path = out / f"{stem}/anat/{stem}_desc-openS_attribution.nii.gz"
    nib.save(nib.Nifti1Image(values, grid), path)


@pytest.fixture
def folders(tmp_path):
    for subject in ("sub-01", "sub-02"):
        (tmp_path / "bids" / subject).mkdir(parents=True)
    return tmp_path / "out", tmp_path / "bids"


def mean_of(folders):
    out, bids = folders
    cohort = read_cohort(out, "openS", bids_dir=bids)
    return write_mean_maps(one_folder(out, Covariates(bids)), cohort).paths


def test_maps_are_averaged_in_the_space_of_the_template(folders):
    out, _ = folders
    write(out, "sub-01", (0, 0, 0), 2.0)
    write(out, "sub-02", (8, -6, 4), 4.0, targets=("age", "sex"))
    assert [path.name for path in mean_of(folders)] == [f"{NAME}.nii.gz", f"{NAME}.json"]
    image, about = nib.load(out / f"{NAME}.nii.gz"), json.loads((out / f"{NAME}.json").read_text())
    template = load_template().image
    assert image.shape == (*template.shape, 2)
    voxel = np.rint(nib.affines.apply_affine(np.linalg.inv(image.affine), POINT)).astype(int)
    assert image.dataobj[(*voxel, 0)] == pytest.approx(3.0)
    assert image.dataobj[(*voxel, 1)] == pytest.approx(4.0)  # of the only scan that has it
    assert [volume["Target"] for volume in about["Volumes"]] == ["age", "sex"]
    assert [len(volume["Scans"]) for volume in about["Volumes"]] == [2, 1]


def test_a_scan_of_another_template_is_left_out(folders, caplog):
    out, _ = folders
    write(out, "sub-01", (0, 0, 0), 2.0)
    write(out, "sub-02", (0, 0, 0), 4.0, template="Other")
    with caplog.at_level(logging.WARNING):
        mean_of(folders)
    assert "1 (sub-02: it is registered to Other, not to MNI152NLin2009cAsym)." in caplog.text
    about = json.loads((out / f"{NAME}.json").read_text())
    assert [volume["Scans"] for volume in about["Volumes"]] == [["sub-01/anat/sub-01_T1w.nii.gz"]]


def test_maps_of_another_readout_of_the_name_are_left_out(folders, caplog):
    out, _ = folders
    for subject, digest in (("sub-01", "ab"), ("sub-02", "cd")):
        write(out, subject, (0, 0, 0), 2.0, targets=("raven",), readout_digest=digest)
    with caplog.at_level(logging.WARNING):
        mean_of(folders)
    assert "1 (sub-02: its map of raven is of another readout of this name)." in caplog.text
    about = json.loads((out / f"{NAME}.json").read_text())
    assert [volume["Scans"] for volume in about["Volumes"]] == [["sub-01/anat/sub-01_T1w.nii.gz"]]


def value_at(path, volume=0):
    image = nib.load(path)
    voxel = np.rint(nib.affines.apply_affine(np.linalg.inv(image.affine), POINT)).astype(int)
    return float(image.dataobj[(*voxel, volume)])


@pytest.mark.parametrize(("include_failed", "expected"), [(False, 2.0), (True, 3.0)])
def test_scans_that_failed_are_left_out_unless_included(folders, caplog, include_failed, expected):
    out, bids = folders
    write(out, "sub-01", (0, 0, 0), 2.0)
    write(out, "sub-02", (0, 0, 0), 4.0, quality=Judgement("fail", ("Motion.",)))
    with caplog.at_level(logging.INFO):
        write_group(out, "openS", bids_dir=bids, include_failed=include_failed)
    assert value_at(out / f"{NAME}.nii.gz") == pytest.approx(expected)
    told = "judged as fail are left out of the mean map of attribution: 1."
    assert (told in caplog.text) is not include_failed


def maps_of(out, stem):
    return out / f"{stem}/anat/{stem}_desc-openS_attribution.nii.gz"


def truncate(path):
    path.write_bytes(path.read_bytes()[:-300])


def damage_check_sum(path):
    content = path.read_bytes()
    path.write_bytes(content[:-8] + b"0000" + content[-4:])


def one_volume(path):
    nib.save(nib.Nifti1Image(np.zeros((60, 60, 60, 1), np.float32), np.eye(4)), path)


def no_axis_of_targets(path):
    nib.save(nib.Nifti1Image(np.zeros((60, 60, 60), np.float32), np.eye(4)), path)


def not_finite(path):
    nib.save(nib.Nifti1Image(np.full((60, 60, 60, 2), np.nan, np.float32), np.eye(4)), path)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (truncate, "the image cannot be read (Compressed file ended"),
        (damage_check_sum, "the image cannot be read (CRC check failed"),
        (lambda path: path.write_bytes(b""), "the image cannot be read"),
        (lambda path: path.write_text("text"), "the image cannot be read (Not a gzipped file"),
        (one_volume, "the image has 60 x 60 x 60 x 1 values for 2 target(s)"),
        (no_axis_of_targets, "the image has 60 x 60 x 60 values for 2 target(s)"),
        (not_finite, "the map of age has values that are not finite"),
    ],
)
def test_maps_that_cannot_be_used_are_left_out_with_a_warning(folders, damage, why):
    out, bids = folders
    write(out, "sub-01", (0, 0, 0), 2.0, targets=("age", "sex"))
    write(out, "sub-02", (0, 0, 0), 4.0, targets=("age", "sex"))
    damage(maps_of(out, "sub-01"))
    result = write_group(out, "openS", bids_dir=bids)
    assert [value_at(out / f"{NAME}.nii.gz", volume) for volume in (0, 1)] == pytest.approx([4.0, 4.0])
    (warning,) = (text for text in result.warnings if "mean map" in text)
    assert warning.startswith(f"Scans left out of the mean map of attribution: 1 (sub-01: {why}")
    assert "left out of the mean map of attribution" in Derivatives(out, "openS").group("report").read_text()


def test_without_maps_that_can_be_used_there_is_no_mean_map_but_a_report(folders):
    out, bids = folders
    write(out, "sub-01", (0, 0, 0), 2.0)
    write_group(out, "openS", bids_dir=bids)
    truncate(maps_of(out, "sub-01"))
    result = write_group(out, "openS", bids_dir=bids)
    assert not list(out.glob("*attribution*"))
    assert Derivatives(out, "openS").group("report") in result.paths


@pytest.mark.parametrize("error", [NeuroFMError("template T1w not found"), EOFError("it ended")])
def test_without_the_template_there_is_no_mean_map_but_a_report(folders, monkeypatch, error):
    def fail(name):
        raise error

    out, bids = folders
    write(out, "sub-01", (0, 0, 0), 2.0)
    monkeypatch.setattr("neurofm_bids.group.attribution.load_template", fail)
    result = write_group(out, "openS", bids_dir=bids)
    assert not list(out.glob("*attribution*"))
    assert Derivatives(out, "openS").group("report").is_file()
    (warning,) = (text for text in result.warnings if "mean map" in text)
    assert warning.startswith("There is no mean map of attribution: ")
    assert str(error) in warning


def test_the_group_level_writes_them_and_removes_those_of_an_earlier_run(folders):
    out, bids = folders
    write(out, "sub-01", (0, 0, 0), 2.0)
    result = write_group(out, "openS", bids_dir=bids)
    assert out / f"{NAME}.nii.gz" in result.paths
    first = (out / f"{NAME}.nii.gz").read_bytes()
    write_group(out, "openS", bids_dir=bids)
    assert (out / f"{NAME}.nii.gz").read_bytes() == first
    (out / "sub-01/anat/sub-01_desc-openS_attribution.nii.gz").unlink()
    result = write_group(out, "openS", bids_dir=bids)
    assert not list(out.glob("*attribution*"))
    assert not any("attribution" in path.name for path in result.paths)


def test_maps_of_several_folders_are_averaged(tmp_path):
    bids, one_out, other_out = write_shards(tmp_path)
    write(one_out, "sub-01", (0, 0, 0), 2.0)
    write(other_out, "sub-02", (0, 0, 0), 4.0)
    inputs = (NamedPath("s", one_out), NamedPath("s", other_out))
    write_group(tmp_path / "out", "openS", bids_dir=bids, analyses=Analyses(inputs))
    about = json.loads((tmp_path / "out" / f"{NAME}.json").read_text())
    scans = ["sub-s01/anat/sub-s01_T1w.nii.gz", "sub-s02/anat/sub-s02_T1w.nii.gz"]
    assert [volume["Scans"] for volume in about["Volumes"]] == [scans]
    values = nib.load(tmp_path / "out" / f"{NAME}.nii.gz").get_fdata()
    assert values.max() == pytest.approx(3.0)
