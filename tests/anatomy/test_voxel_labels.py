import torch

from neurofm_bids.anatomy.labels import LABELS
from neurofm_bids.anatomy.voxel_labels import Posteriors, most_likely

CODES = [label.left for label in LABELS]
BRAINSTEM, HIPPOCAMPUS = CODES.index(16), CODES.index(17)


def posteriors(index, share, left=1.0):
    """Return a lattice of 4 x 3 x 3 voxels, background but for a share of one label in the first plane."""
    labels = torch.zeros(len(LABELS), 4, 3, 3)
    labels[index, 0] = share
    labels[0] = 1 - labels.sum(dim=0)
    return Posteriors(labels, torch.full((4, 3, 3), left))


def test_a_voxel_has_the_label_of_the_highest_posterior():
    assert not most_likely([posteriors(BRAINSTEM, 0.4)]).any()
    found = most_likely([posteriors(BRAINSTEM, 0.9)])
    assert found.shape == (8, 6, 6)
    assert (found[0] == 16).all()
    assert not found[1:].any()  # between the planes, the posterior is half


def test_the_side_is_that_of_the_voxel():
    for left, code in ((1.0, 17), (0.0, 53)):
        found = most_likely([posteriors(HIPPOCAMPUS, 1.0, left)])
        assert set(found.unique().tolist()) == {0, code}


def test_a_second_lattice_gives_the_voxels_it_reads():
    """The first lattice has the label in its first plane, the second one, between, in none."""
    found = most_likely([posteriors(BRAINSTEM, 1.0), posteriors(BRAINSTEM, 0.0)])
    assert (found[0, ::2, ::2] == 16).all()
    assert not found[1, 1::2, 1::2].any()
