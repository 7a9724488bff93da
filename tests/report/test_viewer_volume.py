import gzip
import json

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.records.attribution import Attribution
from neurofm_bids.report.viewer_volume import viewer_image


@pytest.fixture(scope="module")
def head():
    """A head of 1 mm x 1.2 mm x 0.8 mm voxels, oblique, in an unusual order of axes, its halves labelled."""
    data = np.full((90, 100, 110), 20, np.float32)
    x, y, z = np.indices(data.shape)
    inside = ((x - 45) / 30) ** 2 + ((y - 52) / 35) ** 2 + ((z - 60) / 40) ** 2 < 1
    data[inside] = 100
    labels = np.where(inside, 17, 0).astype(np.uint8)
    labels[:45] = np.where(inside[:45], 53, 0)
    turn = nib.affines.from_matvec(
        nib.eulerangles.euler2mat(0.1, 0.05, 0.02) @ np.diag([-1.0, 1.2, 0.8]), [30, -40, 10]
    )
    images = (nib.Nifti1Image(values, turn) for values in (data, inside.astype(np.uint8), labels))
    order = nib.orientations.axcodes2ornt("SLP")
    return [
        image.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(turn), order))
        for image in images
    ]


def test_image_mask_and_labels_stay_where_they_are_in_the_world(head):
    made = viewer_image(*head)
    assert made.get_data_dtype() == np.uint8
    assert nib.affines.voxel_sizes(made.affine) == pytest.approx([1.5] * 3)
    assert nib.aff2axcodes(made.affine) == ("R", "A", "S")
    shown = np.asarray(made.dataobj)
    for frame, original in ((1, head[1]), (2, head[2])):
        for value in np.unique(np.asarray(original.dataobj))[1:]:
            there = np.argwhere(np.asarray(original.dataobj) == value).mean(axis=0)
            here = np.argwhere(shown[..., frame] == value).mean(axis=0)
            world = nib.affines.apply_affine(original.affine, there)
            assert nib.affines.apply_affine(made.affine, here) == pytest.approx(world, abs=0.5)
    volume = shown[..., 1].sum() * 1.5**3
    assert volume == pytest.approx(np.asarray(head[1].dataobj).sum() * 1.2 * 0.8, rel=0.05)


def test_without_a_segmentation_there_are_no_labels(head):
    shown = np.asarray(viewer_image(*head[:2], None).dataobj)
    assert not shown[..., 2].any()
    assert shown[..., 1].any()
    brain = shown[..., 0][shown[..., 1] > 0]
    assert np.median(brain) > 2 * np.median(shown[..., 0][shown[..., 1] == 0])


def test_equal_input_gives_equal_bytes_and_is_small(head):
    one, two = (viewer_image(*head).to_bytes() for _ in range(2))
    assert one == two
    assert len(gzip.compress(one)) < 900_000


def test_maps_follow_from_lowering_over_nothing_to_raising_the_prediction(head):
    mask, labels = head[1:]
    inside, left = np.asarray(mask.dataobj) > 0, np.asarray(labels.dataobj) == 17
    values = np.where(left, 0.5, np.where(inside, -0.25, 0)).astype(np.float32)
    faint = np.where(left, 0.5, np.where(inside, 0.04, 0)).astype(np.float32)
    maps = nib.Nifti1Image(np.stack([values, faint], axis=-1), mask.affine)
    attributions = {
        "age": Attribution("Predicted age", "year", 40.0, 20.0, 0.01, 0.05, 8),
        "sex": Attribution("Predicted logit of male", "1", 0.6, -0.2, 0.01, 0.008, 8),
    }
    made = viewer_image(*head, maps, attributions)
    shown = np.asarray(made.dataobj)
    assert shown.shape[3] == 5
    assert set(np.unique(shown[..., 3][shown[..., 1] == 0])) == {128}
    assert np.median(shown[..., 3][shown[..., 2] == 17]) == 254
    assert np.median(shown[..., 3][shown[..., 2] == 53]) == 128 - 6 * 10  # half of 21 levels, rounded to even
    assert np.median(shown[..., 4][shown[..., 2] == 53]) == 128  # below a tenth of the full value
    (text,) = nib.Nifti1Image.from_bytes(made.to_bytes()).header.extensions
    assert json.loads(text.get_content()) == [
        {"title": "age", "unit": "year/ml", "full": 0.5},
        {"title": "sex (logit of male)", "unit": "logit/ml", "full": 0.5},
    ]


def test_more_maps_than_have_room_are_left_out(head):
    many = {f"score{i}": Attribution(f"Score {i}", "z", 1.0, 0.0, 0.01, 0.01, 8) for i in range(10)}
    maps = nib.Nifti1Image(np.ones((*head[1].shape, 10), np.float32), head[1].affine)
    assert viewer_image(*head, maps, many).shape[3] == 3 + 8
