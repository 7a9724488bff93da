import json

from neurofm_bids.bids.discovery import find_scans, scan_at
from neurofm_bids.config import Config
from neurofm_bids.pipeline.task import acquisition, identity

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
