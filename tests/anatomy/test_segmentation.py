"""Segmentation with networks whose posteriors are known functions of the image."""

import numpy as np
import pytest
import torch
from torch import nn

from neurofm_bids.anatomy.network import CLASSES, AnatomyArchitecture, AnatomyNet
from neurofm_bids.anatomy.regions import REGIONS
from neurofm_bids.anatomy.segmentation import segment
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.geometry import PHASES

SHAPE = (256, 256, 256)
HIPPOCAMPUS, BRAINSTEM, WHITE = (CLASSES.index(n) for n in ("hippocampus", "brainstem", "white_matter"))
FRONTAL, INSULA = CLASSES.index("frontal_cortex"), CLASSES.index("insula")
CERTAIN = 60.0  # a logit
NAMES = [region.name for region in REGIONS]


class Stub(nn.Module):
    """A network whose class probabilities are functions of the scaled intensity."""

    def __init__(self, probabilities, left=None):
        super().__init__()
        self.probabilities, self.left = probabilities, left
        self.sizes = []

    def forward(self, x):
        self.sizes.append(tuple(x.shape))
        found = torch.zeros(1, len(CLASSES) + 1, *x.shape[2:])
        for index, values in self.probabilities(x[:, 0]).items():
            found[:, index] = values
        found[:, 0] = 1 - found[:, 1:-1].sum(dim=1)
        logits = found.clamp(min=1e-30).log()
        logits[:, -1] = CERTAIN if self.left is None else self.left(x[:, 0])
        return [logits]


def block(*span):
    """Return a volume with a box of ones."""
    volume = np.zeros(SHAPE, dtype=np.float32)
    volume[tuple(slice(*s) for s in span)] = 1
    return volume


def bright(index):
    """Return the probabilities of one class where the image is above zero."""
    return lambda x: {index: (x > 0.05).float()}


def volume_of(found, name):
    return found.volumes_mm3[NAMES.index(name)]


@pytest.mark.parametrize("phases", [1, 2, 8])
def test_labels_and_volumes_of_a_box(phases):
    """The box has even edges at even places, so that each lattice holds exactly an eighth of it."""
    volume = block((100, 120), (90, 130), (80, 110))
    network = Stub(bright(BRAINSTEM))
    found = segment(volume, network, phases)
    assert network.sizes == [(1, 1, 10, 20, 15)] * phases
    assert volume_of(found, "brainstem") == 20 * 40 * 30
    assert found.by_phase_mm3.shape == (phases, 43)
    assert found.volumes_mm3.sum() == volume_of(found, "brainstem")
    assert found.confidence[NAMES.index("brainstem")] == 1
    assert found.confidence.sum() == pytest.approx(1)
    assert found.labels.dtype == np.uint8
    np.testing.assert_array_equal(found.labels, 16 * volume)


def test_each_voxel_has_the_posterior_of_its_own_lattice_in_eight_phases():
    """A checkerboard of single voxels, which no lattice of 2 mm can show by interpolation."""
    rng = np.random.default_rng(0)
    volume = np.zeros(SHAPE, dtype=np.float32)
    kinds = rng.integers(1, 4, (20, 30, 26))
    volume[101:121, 90:120, 83:109] = kinds / 3

    def thirds(x):
        return {
            HIPPOCAMPUS: (x.sub(1 / 3).abs() < 0.1).float(),
            WHITE: (x.sub(2 / 3).abs() < 0.1).float(),
            BRAINSTEM: (x > 0.9).float(),
        }

    found = segment(volume, Stub(thirds), 8)
    expected = np.array([0, 17, 2, 16])[kinds]
    np.testing.assert_array_equal(found.labels[101:121, 90:120, 83:109], expected)
    assert np.count_nonzero(found.labels) == kinds.size
    for name, kind in (("left_hippocampus", 1), ("left_white_matter", 2), ("brainstem", 3)):
        assert volume_of(found, name) == np.count_nonzero(kinds == kind)


@pytest.mark.parametrize("phases", [1, 2])
def test_fewer_phases_keep_the_labels_of_the_voxels_that_are_read(phases):
    rng = np.random.default_rng(1)
    volume = np.zeros(SHAPE, dtype=np.float32)
    volume[100:120, 90:120, 80:100] = rng.choice([0.5, 1.0], (20, 30, 20))
    network = Stub(lambda x: {WHITE: (x > 0.8).float(), BRAINSTEM: ((x > 0.1) & (x < 0.8)).float()})
    found = segment(volume, network, phases)
    expected = np.select([volume > 0.8, volume > 0.1], [2, 16])
    for number, (x, y, z) in enumerate(PHASES[:phases]):
        lattice = (slice(x, None, 2), slice(y, None, 2), slice(z, None, 2))
        np.testing.assert_array_equal(found.labels[lattice], expected[lattice])
        assert found.by_phase_mm3[number, NAMES.index("brainstem")] == 8 * np.sum(expected[lattice] == 16)


@pytest.mark.parametrize("phases", [1, 2, 8])
def test_a_border_lies_where_posteriors_are_equal(phases):
    """A ramp from 1 to 0 between two structures, 20 mm wide, is .5 at 109.5 mm at every phase."""
    volume = block((90, 130), (90, 130), (90, 130))
    ramp = np.clip((119.5 - np.arange(90, 130)) / 20, 0, 1)
    volume[90:130, 90:130, 90:130] = 0.2 + 0.8 * ramp[:, None, None].astype(np.float32)
    found = segment(
        volume,
        Stub(lambda x: {WHITE: (x - 0.2) / 0.8 * (x > 0.1), BRAINSTEM: (1 - x) / 0.8 * (x > 0.1)}),
        phases,
    )
    line = found.labels[90:130, 105, 105]
    assert np.flatnonzero(line == 16)[0] + 90 == 110
    assert set(line) == {2, 16}


def test_partial_volume_counts_in_part():
    volume = block((100, 120), (90, 130), (80, 110))
    shares = {HIPPOCAMPUS: 0.25, BRAINSTEM: 0.5, 1: 0.25}
    found = segment(volume, Stub(lambda x: {k: v * (x > 0.05) for k, v in shares.items()}), 2)
    assert volume_of(found, "left_hippocampus") == pytest.approx(6000)
    assert volume_of(found, "brainstem") == pytest.approx(12000)
    np.testing.assert_allclose(found.by_phase_mm3[:, -1], [6000, 6000])
    assert found.confidence[NAMES.index("left_hippocampus")] == pytest.approx(0.25)
    assert found.confidence[NAMES.index("brainstem")] == pytest.approx(0.5)
    assert found.confidence[NAMES.index("third_ventricle")] == pytest.approx(0, abs=1e-6)


def test_the_cortex_is_one_label_and_its_lobes_are_regions():
    """No lobe is more likely than white matter, their sum is."""
    volume = block((100, 120), (90, 130), (80, 110))
    shares = {FRONTAL: 0.3, INSULA: 0.3, WHITE: 0.4}
    found = segment(volume, Stub(lambda x: {k: v * (x > 0.05) for k, v in shares.items()}), 2)
    np.testing.assert_array_equal(found.labels, 3 * volume)
    assert volume_of(found, "left_frontal_cortex") == pytest.approx(7200)
    assert volume_of(found, "left_insula") == pytest.approx(7200)


@pytest.mark.parametrize("phases", [1, 2, 8])
def test_sides_are_those_of_the_network(phases):
    volume = block((100, 140), (90, 130), (80, 110))
    volume[120:] *= 0.5  # the left half is dark
    network = Stub(bright(HIPPOCAMPUS), left=lambda x: torch.where(x > 0.75, -CERTAIN, CERTAIN))
    found = segment(volume, network, phases)
    assert volume_of(found, "left_hippocampus") == volume_of(found, "right_hippocampus") == 24000
    np.testing.assert_array_equal(np.unique(found.labels[100:119]), [0, 53])
    np.testing.assert_array_equal(np.unique(found.labels[121:]), [0, 17])


def test_an_uncertain_side_counts_for_both():
    volume = block((100, 120), (90, 130), (80, 110))
    found = segment(volume, Stub(bright(HIPPOCAMPUS), left=lambda x: torch.full_like(x, np.log(3))), 1)
    assert volume_of(found, "left_hippocampus") == pytest.approx(18000)
    assert volume_of(found, "right_hippocampus") == pytest.approx(6000)


def test_the_spread_is_that_of_the_phases():
    """The first lattice holds the planes 100 to 110, the second one 101 to 109 and no more."""
    volume = block((100, 111), (90, 130), (80, 110))
    found = segment(volume, Stub(bright(BRAINSTEM)), 2)
    column = NAMES.index("brainstem")
    np.testing.assert_array_equal(found.by_phase_mm3[:, column], [6 * 20 * 15 * 8, 5 * 20 * 15 * 8])
    assert volume_of(found, "brainstem") == 11 * 40 * 30
    assert found.spread_mm3[column] == pytest.approx(2400 / 2**0.5)
    assert np.isnan(segment(volume, Stub(bright(BRAINSTEM)), 1).spread_mm3).all()


@pytest.mark.parametrize("unit", [1, 1000, 3e-4])
def test_units_of_the_image_do_not_matter(unit):
    volume = block((100, 120), (90, 130), (80, 110))
    network = Stub(lambda x: {BRAINSTEM: (x - 1).abs() < 1e-5})
    assert volume_of(segment(volume * np.float32(unit), network, 1), "brainstem") == 24000


def test_ringing_outside_the_mask_does_not_widen_the_box():
    volume = block((100, 120), (90, 130), (80, 110))
    volume[94:100], volume[60] = -0.1, 0.01
    network = Stub(bright(BRAINSTEM))
    segment(volume, network, 1)
    assert network.sizes == [(1, 1, 10, 20, 15)]


def test_a_real_network_gives_the_same_twice():
    torch.manual_seed(0)
    network = AnatomyNet(AnatomyArchitecture((4, 6, 8), (1, 1, 1), (1, 1), 2)).eval()
    for parameter in network.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    volume = np.zeros(SHAPE, dtype=np.float32)
    volume[100:121, 90:130, 81:110] = np.random.default_rng(0).random((21, 40, 29), dtype=np.float32)
    volume.flags.writeable = False
    one, other = segment(volume, network, 2), segment(volume, network, 2)
    for name in ("labels", "by_phase_mm3", "confidence"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    brain_ml = one.volumes_mm3.sum()
    assert 0 < brain_ml <= 22 * 40 * 30
    assert ((one.confidence > 0) & (one.confidence < 1)).all()


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        (np.zeros((8, 8, 8), np.float32), "reads 256x256x256 voxels"),
        (np.zeros(SHAPE, np.float32), "no voxel is above zero"),
        (np.full(SHAPE, -1, np.float32), "no voxel is above zero"),
        (np.full(SHAPE, np.nan, np.float32), "not finite"),
    ],
)
def test_what_is_no_brain_is_refused(volume, message):
    with pytest.raises(NeuroFMError, match=message):
        segment(volume, Stub(bright(BRAINSTEM)))


@pytest.mark.parametrize("phases", [0, 3, 9])
def test_other_numbers_of_phases_are_refused(phases):
    with pytest.raises(ValueError, match="choose 1, 2 or 8"):
        segment(block((100, 120), (90, 130), (80, 110)), Stub(bright(BRAINSTEM)), phases)
