import sys

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import affine_transform

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pretrain.anatomy.parcels import carry_parcels, has_parcels
from tests.pretrain.toy_head import PARCELS, toy_labels, without_parcels


def posed(labels):
    """Return a larger head in another pose, on another grid."""
    padded = np.pad(labels, 12)
    turn = nib.eulerangles.euler2mat(0.06, -0.05, 0.1) @ np.diag([0.95, 0.92, 0.97])
    middle = (np.array(padded.shape) - 1) / 2
    return affine_transform(padded, turn, middle - turn @ (middle + np.array([2, -3, 4])), order=0)


def dice(one, two):
    return 2 * np.count_nonzero(one & two) / (np.count_nonzero(one) + np.count_nonzero(two))


@pytest.fixture(scope="module")
def truth():
    return posed(toy_labels())


@pytest.fixture(scope="module")
def carried(truth):
    pytest.importorskip("ants")
    return carry_parcels(posed(without_parcels(toy_labels())), toy_labels())


@pytest.mark.parametrize("side", [1000, 2000])
@pytest.mark.parametrize("lobe", PARCELS)
def test_lobes_come_to_their_places(carried, truth, side, lobe):
    assert dice(carried == side + PARCELS[lobe], truth == side + PARCELS[lobe]) > 0.9


def test_all_cortex_gets_parcels_and_nothing_else_changes(carried, truth):
    cortex = (truth >= 1000) & (truth < 3000)
    assert np.array_equal((carried >= 1000) & (carried < 3000), cortex)
    rest = ~cortex & (truth != 253) & (carried != 253)
    assert np.array_equal(carried[rest], truth[rest])


def test_the_corpus_callosum_is_carried_into_white_matter(carried, truth):
    assert dice(carried == 253, truth == 253) > 0.7  # 8 mm high: half a voxel of error costs a tenth
    assert np.isin(truth[carried == 253], (2, 41, 253)).all()


@pytest.mark.parametrize(
    ("code", "has"), [(3, False), (255, False), (1000, True), (1028, True), (2035, True), (3028, False)]
)
def test_parcels_of_the_cortex_are_those_of_the_atlas(code, has):
    assert has_parcels(np.array([[[0, 2, code]]], dtype=np.int16)) == has


def test_antspyx_is_asked_for_where_it_is_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ants", None)
    labels = toy_labels()
    with pytest.raises(NeuroFMError, match="antspyx is needed") as error:
        carry_parcels(without_parcels(labels), labels)
    assert error.value.code == Exit.NO_INPUT
