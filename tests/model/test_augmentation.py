import numpy as np
import pytest

from neurofm_bids.config import N_PHASES
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.geometry import PHASES
from neurofm_bids.model.augmentation import lattices, read_volume
from tests.model.volumes import volume


def test_volume_is_its_box_and_the_statistics_of_the_cube():
    data = volume()
    found = read_volume(data)
    assert (found.start, found.box.shape) == ((90, 80, 70), (80, 100, 110))
    assert found.mean == pytest.approx(data.mean(dtype=np.float64), rel=1e-12)
    assert found.sd == pytest.approx(data.std(dtype=np.float64), rel=1e-12)
    assert found.standard_background == pytest.approx(-found.mean / found.sd, rel=1e-6)


def test_volume_with_another_background_is_the_same_scan():
    data = volume()
    shifted = (data - 30) / 7
    one, other = (lattices(read_volume(v), 9)[0] for v in (data, shifted))
    np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((2, 2, 2), np.float32), "reads 256x256x256"),
        (np.zeros((256, 256, 256), np.float32), "constant"),
        (np.full((256, 256, 256), 7, np.int16), "constant"),
        (np.full((256, 256, 256), np.nan, np.float32), "not finite"),
        (np.zeros((256, 256, 256), np.complex64), "complex64, not real"),
        (np.zeros((256, 256, 256), bool), "bool, not real"),
        (np.zeros((256, 256, 256), object), "object, not real"),
    ],
)
def test_volumes_that_cannot_be_encoded(data, message):
    with pytest.raises(NeuroFMError, match=message):
        read_volume(data)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_one_bad_voxel_is_enough(value):
    data = volume()
    data[100, 100, 100] = value
    with pytest.raises(NeuroFMError, match="not finite"):
        read_volume(data)


def test_the_eight_phases_hold_every_voxel_once_and_the_first_is_the_published_pass():
    data = volume()
    found = read_volume(data)
    assert len(PHASES) == N_PHASES
    views, start = lattices(found, N_PHASES)
    assert np.array_equal(np.sort(views.ravel()), np.sort(found.standardise(found.box).ravel()))
    first = np.full((128, 128, 128), found.standard_background, np.float32)
    first[tuple(slice(a, a + n) for a, n in zip(start, views.shape[1:], strict=True))] = views[0]
    expected = (data - np.float32(found.mean)) / np.float32(found.sd)
    assert np.array_equal(first, expected[::2, ::2, ::2])


@pytest.mark.parametrize("start", [(90, 81, 70), (0, 2, 144), (170, 150, 0)])
def test_jittered_views_show_the_same_brain_a_little_moved(start):
    x, y, z = np.indices((256, 256, 256), sparse=True)
    centre = np.add(start, (40, 49, 55))
    far = ((x - centre[0]) / 38) ** 2 + ((y - centre[1]) / 47) ** 2 + ((z - centre[2]) / 53) ** 2
    data = np.maximum(0, 100 * (1 - far)).astype(np.float32)
    views, first = lattices(read_volume(data), 12)
    again, _ = lattices(read_volume(data), 12)
    assert np.array_equal(views, again)
    assert all(a >= 0 and a + n <= 128 for a, n in zip(first, views.shape[1:], strict=True))
    mass = views.reshape(12, -1).sum(axis=1, dtype=np.float64)
    assert np.ptp(mass) < 0.002 * abs(views).sum() / 12
    for view in views[8:]:
        assert 0.01 < np.abs(view - views[0]).max() < 1


@pytest.mark.parametrize("views", [0, 65])
def test_numbers_of_views_that_make_no_sense(views):
    with pytest.raises(NeuroFMError, match=f"{views} views"):
        lattices(read_volume(volume()), views)


def test_float32_statistics_are_near_the_exact_ones_and_not_the_same():
    data = volume(seed=3)
    exact, single = read_volume(data), read_volume(data, "float32")
    assert single.mean == pytest.approx(exact.mean, rel=1e-5)
    assert single.sd == pytest.approx(exact.sd, rel=1e-4)
    assert (single.mean, single.sd) != (exact.mean, exact.sd)
    assert np.float32(single.sd) == single.sd


@pytest.mark.parametrize("scale", [1e21, 1e-26])
def test_intensities_beyond_float32_are_refused(scale):
    with pytest.raises(NeuroFMError, match="exceed the range of float32"):
        read_volume((volume() * np.float32(scale)).astype(np.float32), "float32")
