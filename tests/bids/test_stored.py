from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.stored import StoredScan, stored_scans


def test_stored_scans_are_those_with_files_of_the_model(tmp_path):
    out = Derivatives(tmp_path, "openS")
    for place in (
        "sub-01/anat/sub-01_desc-openS_features.tsv",
        "sub-01/ses-a/anat/sub-01_ses-a_desc-openS_predictions.json",
    ):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).touch()
    (tmp_path / "sub-02/anat").mkdir(parents=True)
    (tmp_path / "sub-02/anat/sub-02_desc-neurofmS_features.tsv").touch()
    (tmp_path / "sub-02/anat/.tmp-sub-02_desc-openS_features.tsv-x").touch()
    (tmp_path / "sub-02/anat/sub-02_desc-brain_mask.nii.gz").touch()
    scans = [StoredScan("01", None, "sub-01"), StoredScan("01", "a", "sub-01_ses-a")]
    assert list(stored_scans(out)) == list(stored_scans(out, "01")) == scans
    assert list(stored_scans(out, "77")) == []


def test_finished_scans_have_a_sidecar(tmp_path):
    folder = tmp_path / "sub-01" / "anat"
    folder.mkdir(parents=True)
    for name in ("sub-01_run-1_desc-openS_features.json", "sub-01_run-2_desc-openS_features.tsv"):
        (folder / name).touch()
    scans = stored_scans(Derivatives(tmp_path, "openS"))
    assert {scan.stem: scan.is_finished for scan in scans} == {"sub-01_run-1": True, "sub-01_run-2": False}


def test_scans_have_the_folder_that_is_given(tmp_path):
    (tmp_path / "sub-01" / "anat").mkdir(parents=True)
    (tmp_path / "sub-01" / "anat" / "sub-01_desc-openS_features.tsv").touch()
    (scan,) = stored_scans(Derivatives(tmp_path, "openS"), source="../out")
    assert scan == StoredScan("01", None, "sub-01", source="../out")
    assert scan != StoredScan("01", None, "sub-01")
