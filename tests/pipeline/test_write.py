import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.config import Processing
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.pipeline.task import Task
from neurofm_bids.pipeline.write import features_table, write_outputs
from neurofm_bids.records.anatomy import Anatomy, Volume
from neurofm_bids.records.attribution import Attribution, RegionAttribution
from neurofm_bids.records.scan import ScanRecord
from tests.samples import scan_record

RECORD = scan_record()
IMAGE = nib.Nifti1Image(np.ones((4, 4, 4), dtype=np.float32), np.eye(4))
FIGURES = {f"{name}_figure": f"<svg>{name}</svg>" for name in ("mask", "registration", "grid")}


def write(out, record=RECORD, images=False, segmentation=None, attribution_maps=None):
    task = Task("x", record.scan, {}, Processing(), "", out, output_images=images)
    features = np.array([1 / 3, 2], dtype=np.float32)
    return write_outputs(
        task,
        record=record,
        features=features,
        mask=IMAGE,
        corrected=IMAGE,
        grid=IMAGE,
        segmentation=segmentation,
        attribution_maps=attribution_maps,
        viewer=IMAGE,
        **FIGURES,
    )


@pytest.fixture
def out(tmp_path):
    (tmp_path / "dataset_description.json").write_text("{}")
    return tmp_path


def test_the_file_is_the_record(out):
    write(out)
    values = json.loads((out / "sub-01/anat/sub-01_desc-openS_predictions.json").read_text())
    assert values == RECORD.to_dict()
    assert ScanRecord.from_dict(values) == RECORD


def test_the_sidecar_is_written_last_and_has_the_provenance(out):
    sidecar = write(out)
    others = [path for path in out.rglob("*") if path.is_file() and path != sidecar]
    assert all(path.stat().st_mtime_ns <= sidecar.stat().st_mtime_ns for path in others)
    values = json.loads(sidecar.read_text())
    assert values["NeuroFM"] == RECORD.to_dict()["Provenance"]
    assert values["RawSources"] == [RECORD.scan.uri]
    assert values["Sources"][1] == "bids::sub-01/anat/sub-01_desc-brain_mask.nii.gz"


def test_images_are_written_when_asked_for(out):
    write(out)
    assert not list(out.rglob("*desc-preproc*"))
    write(out, images=True)
    assert len(list(out.rglob("*desc-preproc*"))) == 2
    sidecar = json.loads((out / "sub-01/anat/sub-01_desc-preproc_T1w.json").read_text())
    assert sidecar["SkullStripped"] is False
    assert "The offset of the intensities is removed" in sidecar["Description"]
    grid = json.loads((out / "sub-01/anat/sub-01_space-openS_desc-brain_T1w.json").read_text())
    assert "rigid space" in grid["SpatialReference"]
    assert grid["Sources"] == ["bids::sub-01/anat/sub-01_desc-preproc_T1w.nii.gz"]
    write(out)
    assert not list(out.rglob("*desc-preproc*"))


def test_a_vanished_output_folder_is_not_made_again(tmp_path):
    with pytest.raises(NeuroFMError):
        write(tmp_path / "gone")
    assert not (tmp_path / "gone").exists()


def test_features_have_eight_digits():
    head, row = features_table(np.array([1 / 3, 2], dtype=np.float32)).splitlines()
    assert head == "f000\tf001"
    assert row == "0.33333334\t2"


LABELS = nib.Nifti1Image(np.full((4, 4, 4), 17, dtype=np.float32), np.eye(4))
SIDES = {
    "left_hippocampus": Volume(4000.0, (3800.0, 4200.0), 0.9),
    "right_hippocampus": Volume(4400.0, None, 0.8),
}
SEGMENTED = scan_record(anatomy=Anatomy(SIDES, 2, "ab" * 32))


def test_labels_and_volumes_are_written_and_later_removed(out):
    folder = out / "sub-01/anat"
    write(out, SEGMENTED, segmentation=LABELS)
    assert np.asarray(nib.load(folder / "sub-01_desc-anatomy_dseg.nii.gz").dataobj).dtype == np.uint8
    head, left, right = (folder / "sub-01_desc-anatomy_morphometry.tsv").read_text().splitlines()
    assert head == "region\tvolume_mm3\tlower95_mm3\tupper95_mm3\tasymmetry\tconfidence"
    assert left == "left_hippocampus\t4000\t3800\t4200\t-0.0952381\t0.9"
    assert right == "right_hippocampus\t4400\tn/a\tn/a\t-0.0952381\t0.8"
    about = json.loads((folder / "sub-01_desc-anatomy_morphometry.json").read_text())
    assert about["volume_mm3"]["Units"] == "mm^3"
    write(out)
    assert not list(out.rglob("*desc-anatomy*"))


ATTRIBUTED = scan_record(
    anatomy=Anatomy(SIDES, 2, "ab" * 32),
    attributions={
        "age": Attribution(
            "Predicted age",
            "year",
            40.0,
            35.0,
            0.01,
            0.05,
            8,
            {"Left-Hippocampus": RegionAttribution(0.25, -1.5, 3)},
        )
    },
)
MAPS = nib.Nifti1Image(np.full((4, 4, 4, 1), 0.5, dtype=np.float32), np.eye(4))


def test_maps_and_shares_of_regions_are_written_and_later_removed(out):
    folder = out / "sub-01/anat"
    write(out, ATTRIBUTED, segmentation=LABELS, attribution_maps=MAPS)
    image = nib.load(folder / "sub-01_desc-openS_attribution.nii.gz")
    assert (image.shape, image.get_data_dtype()) == ((4, 4, 4, 1), np.float32)
    made = json.loads((folder / "sub-01_desc-openS_attribution.json").read_text())["Attribution"]
    assert (made["SmoothingFWHM"], "4 mm" in made["Baseline"]) == (4.0, True)
    assert [volume["Target"] for volume in made["Volumes"]] == ["age"]
    assert made["Volumes"][0]["Units"] == "year/ml"
    assert made["Volumes"][0]["CompletenessError"] == 0.01
    assert made["Volumes"][0]["AbsoluteCompletenessError"] == 0.05
    table = (folder / "sub-01_desc-openSAttribution_regions.tsv").read_text().splitlines()
    assert table == [
        "target\tregion\tshare\tsum\tper_ml\tunits",
        "age\tLeft-Hippocampus\t0.25\t-1.5\t3\tyear",
    ]
    about = json.loads((folder / "sub-01_desc-openSAttribution_regions.json").read_text())
    assert about["share"]["Units"] == "1"
    assert about["Sources"][0] == "bids::sub-01/anat/sub-01_desc-openS_attribution.nii.gz"
    (out / "sub-01/anat/sub-01_desc-openM_features.json").write_text("{}")
    write(out)
    assert not list(out.rglob("*ttribution*"))  # they are those of one model


def test_without_segmentation_there_is_no_table_of_regions(out):
    write(out, replace(ATTRIBUTED, anatomy=None), attribution_maps=MAPS)
    assert {path.name for path in out.rglob("*ttribution*")} == {
        "sub-01_desc-openS_attribution.nii.gz",
        "sub-01_desc-openS_attribution.json",
    }


def test_labels_and_volumes_of_another_model_stay(out):
    write(out, SEGMENTED, segmentation=LABELS)
    other = out / "sub-01/anat/sub-01_desc-openM_features.json"
    other.write_text("{}")
    write(out)
    assert len(list(out.rglob("*desc-anatomy*"))) == 4
    other.unlink()
    write(out)
    assert not list(out.rglob("*desc-anatomy*"))


def test_a_figure_that_is_not_to_be_is_removed(out):
    figure = out / "sub-01/figures/sub-01_desc-anatomy_T1w.svg"
    figure.parent.mkdir(parents=True)
    figure.write_text("<svg/>")
    write(out)
    assert not figure.exists()
    assert (out / "sub-01/figures/sub-01_desc-mask_T1w.svg").exists()
