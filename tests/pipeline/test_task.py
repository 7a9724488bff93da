import json

from neurofm_bids.bids.discovery import find_scans, scan_at
from neurofm_bids.config import Config, Processing
from neurofm_bids.pipeline.task import acquisition, identity, image_task

IMAGE = "sub-01/ses-a/anat/sub-01_ses-a_run-2_T1w.nii.gz"


def test_identity_and_acquisition_come_from_name_and_metadata(bids_dataset):
    root = bids_dataset(IMAGE)
    (root / "T1w.json").write_text(json.dumps({"MagneticFieldStrength": 3, "PatientName": "X"}))
    (scan,) = find_scans(Config(root, root.parent / "out")).scans
    named = identity(scan)
    assert (named.subject, named.session, named.stem) == ("01", "a", "sub-01_ses-a_run-2")
    assert (named.path, named.entities) == (IMAGE, {"sub": "01", "ses": "a", "run": "2"})
    assert acquisition(scan) == {"MagneticFieldStrength": 3}
    assert identity(scan_at(root / IMAGE)) == named
    assert acquisition(scan_at(root / IMAGE)) == acquisition(scan)


def test_images_outside_a_dataset_are_no_scans(bids_dataset, tmp_path):
    root = bids_dataset(IMAGE)
    assert scan_at(tmp_path / "sub-01_T1w.nii.gz") is None
    assert scan_at(root / "sub-01" / "ses-a" / "anat" / "other.nii.gz") is None


def test_the_task_of_an_image_names_it_as_in_its_dataset(bids_dataset, tmp_path):
    root, encoder, settings = bids_dataset(IMAGE), object(), Processing(views=1)
    (root / "T1w.json").write_text(json.dumps({"MagneticFieldStrength": 3}))
    task = image_task(str(root / IMAGE), settings, "ab", encoder)
    assert (task.scan, task.acquisition) == (identity(scan_at(root / IMAGE)), {"MagneticFieldStrength": 3})
    assert (task.processing, task.weights_sha256, task.encoder) == (settings, "ab", encoder)
    outside = image_task(tmp_path / "head_T1w.nii.gz", settings, "ab", encoder)
    assert (outside.scan.stem, outside.scan.subject, outside.acquisition) == ("head", None, {})
    assert image_task(object(), settings, "ab", encoder).scan.stem == "image"
