import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.bids.discovery import scan_at
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.pretrain.evaluation.label_image import find_label_images, read_label_image
from neurofm_bids.pretrain.evaluation.protocols import FREESURFER
from tests.pretrain.evaluation.phantom import phantom_labels


@pytest.mark.parametrize(
    ("scan", "label", "fits"),
    [
        ("sub-1", "sub-1_dseg.nii.gz", True),
        ("sub-1", "sub-1_desc-aseg_dseg.nii", True),
        ("sub-1", "sub-1_space-T1w_seg-x_atlas-y_dseg.mgz", True),
        ("sub-1", "sub-1_space-MNI152NLin6Asym_dseg.nii.gz", False),
        ("sub-1", "sub-1_run-1_dseg.nii.gz", False),
        ("sub-1", "sub-1_desc-aseg_dseg.json", False),
        ("sub-1", "sub-1_desc-brain_mask.nii.gz", False),
        ("sub-1_run-1", "sub-1_run-1_dseg.nii.gz", True),
        ("sub-1_run-1", "sub-1_dseg.nii.gz", False),
        ("sub-1_ses-2", "sub-1_ses-2_dseg.nii.gz", True),
        ("sub-1_ses-2", "sub-1_ses-3_dseg.nii.gz", False),
        ("sub-1", "sub-10_dseg.nii.gz", False),
    ],
)
def test_which_label_images_belong_to_a_scan(bids_dataset, tmp_path, scan, label, fits):
    folder = "/".join(part for part in scan.split("_") if part.startswith(("sub", "ses")))
    path = f"{folder}/anat/{scan}_T1w.nii.gz"
    root, labels = bids_dataset(path), tmp_path / "labels"
    (labels / "sub-1" / "anat").mkdir(parents=True)
    (labels / "sub-1" / "anat" / label).touch()
    assert bool(find_label_images(labels, scan_at(root / path))) == fits


def test_the_first_image_with_the_codes_of_a_protocol_is_read(tmp_path):
    tissues = nib.Nifti1Image(np.ones((9, 9, 9), np.uint8), np.eye(4))
    nib.save(tissues, tmp_path / "a.nii.gz")
    nib.save(phantom_labels(), tmp_path / "b.nii.gz")
    paths = [tmp_path / "a.nii.gz", tmp_path / "b.nii.gz"]
    read = read_label_image(paths)
    assert read.protocol is FREESURFER
    white_mm3 = 8 * np.count_nonzero(np.isin(np.asarray(phantom_labels().dataobj), (2, 41)))
    assert read.volumes_ml()["white_matter"] == pytest.approx(white_mm3 / 1000)
    assert read_label_image(paths, "freesurfer").protocol is FREESURFER
    for given, protocol, message in (
        (paths[:1], None, "no label image has the codes of freesurfer or neuromorphometrics"),
        (paths, "neuromorphometrics", "no label image has the codes of neuromorphometrics"),
    ):
        with pytest.raises(NeuroFMError, match=message):
            read_label_image(given, protocol)


@pytest.mark.parametrize("data", [np.full((9, 9, 9), 1.5), np.full((9, 9, 9), 3000.0), np.full((9, 9), 2.0)])
def test_images_that_are_no_labels_are_refused(tmp_path, data):
    nib.save(nib.Nifti1Image(data.astype(np.float32), np.eye(4)), tmp_path / "labels.nii.gz")
    with pytest.raises(NeuroFMError, match="not of whole numbers from 0 to 2999 in three dimensions"):
        read_label_image([tmp_path / "labels.nii.gz"])


def test_damaged_images_are_named(tmp_path):
    path = tmp_path / "labels.nii.gz"
    path.write_bytes(b"nothing")
    with pytest.raises(NeuroFMError, match="the label image cannot be read") as error:
        read_label_image([path])
    assert str(path) in str(error.value)


def test_labels_move_with_the_scan(tmp_path, prepared_phantom):
    nib.save(phantom_labels(), tmp_path / "dseg.nii.gz")
    codes = read_label_image([tmp_path / "dseg.nii.gz"]).on_grid(prepared_phantom)
    bright = prepared_phantom.volume() > 750
    both = np.count_nonzero(bright & np.isin(codes, (2, 41)))
    assert 2 * both / (np.count_nonzero(bright) + np.count_nonzero(np.isin(codes, (2, 41)))) > 0.97
