import numpy as np

from neurofm_bids.pretrain.anatomy.distances import (
    cranial_cavity,
    distance_from_sulci,
    gaussian_smooth,
    nearest_label,
    signed_distance,
)


def test_signed_distance_is_half_a_voxel_at_the_border_and_clipped_far_away():
    mask = np.zeros((60, 3, 3), dtype=bool)
    mask[:30] = True
    line = signed_distance(mask)[:, 1, 1]
    assert list(line[27:33]) == [2.5, 1.5, 0.5, -0.5, -1.5, -2.5]
    assert (line[0], line[-1]) == (16, -16)


def test_nearest_label_copies_labels_into_gaps():
    labels = np.array([[[1, 0, 0, 0, 5]]], dtype=np.int16)
    assert nearest_label(labels, labels > 0).ravel().tolist()[::4] == [1, 5]
    assert nearest_label(labels, labels == 5).ravel().tolist() == [5] * 5


def test_smoothing_keeps_the_sum():
    image = np.zeros((15, 15, 15))
    image[7, 7, 7] = 8
    assert np.isclose(gaussian_smooth(image, 1.0).sum(), 8, rtol=1e-4)


def test_the_cranial_cavity_closes_the_brain_and_takes_only_nearby_csf():
    brain = np.zeros((60, 40, 40), dtype=bool)
    brain[10:30, 10:30, 10:30] = True
    brain[10:30, 19:21, 10:20] = False  # a sulcus
    labels = np.zeros(brain.shape, dtype=np.int16)
    labels[30:50, 10:30, 10:30] = 24
    cavity = cranial_cavity(brain, labels)
    assert cavity[10:30, 10:30, 10:30].mean() > 0.97
    assert cavity[20, 20, 15]
    assert cavity[32, 20, 20]
    assert not cavity[40:].any()


def test_the_sheet_of_a_sulcus_lies_between_its_banks():
    core = np.zeros((30, 30, 30), dtype=bool)
    core[:10] = core[20:] = True  # cortex between two walls
    distance = distance_from_sulci(core, np.ones_like(core))
    middle = distance[:, 15, 15]
    assert middle[14] == middle[15] == 0.5
    assert np.all(np.diff(middle[15:]) >= 0)
