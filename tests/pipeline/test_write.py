import json

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.config import Processing
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.pipeline.task import Task
from neurofm_bids.pipeline.write import features_table, write_outputs
from neurofm_bids.records.scan import ScanRecord
from tests.samples import scan_record

RECORD = scan_record()
IMAGE = nib.Nifti1Image(np.ones((4, 4, 4), dtype=np.float32), np.eye(4))
FIGURES = {f"{name}_figure": f"<svg>{name}</svg>" for name in ("mask", "registration", "grid")}


def write(out, record=RECORD, images=False):
    task = Task("x", record.scan, {}, Processing(), "", out, output_images=images)
    features = np.array([1 / 3, 2], dtype=np.float32)
    return write_outputs(
        task, record=record, features=features, mask=IMAGE, corrected=IMAGE, grid=IMAGE, **FIGURES
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
    sidecar = json.loads((out / "sub-01/anat/sub-01_desc-preproc_T1w.json").read_text())
    assert sidecar["SkullStripped"] is False
    assert "The offset of the intensities is removed" in sidecar["Description"]
    grid = json.loads((out / "sub-01/anat/sub-01_space-openS_desc-brain_T1w.json").read_text())
    assert "rigid space" in grid["SpatialReference"]
    assert grid["Sources"] == ["bids::sub-01/anat/sub-01_desc-preproc_T1w.nii.gz"]


def test_a_vanished_output_folder_is_not_made_again(tmp_path):
    with pytest.raises(NeuroFMError):
        write(tmp_path / "gone")
    assert not (tmp_path / "gone").exists()


def test_features_have_eight_digits():
    head, row = features_table(np.array([1 / 3, 2], dtype=np.float32)).splitlines()
    assert head == "f000\tf001"
    assert row == "0.33333334\t2"
