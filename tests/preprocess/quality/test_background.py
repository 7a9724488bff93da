import math

import numpy as np
import pytest

from neurofm_bids.preprocess.quality.background import (
    Air,
    efc,
    fber,
    find_air,
    ghosting,
    qi1,
    thinned,
)
from neurofm_bids.preprocess.quality.not_measured import NotMeasuredError
from tests.preprocess.quality import phantom


def air(data, wm=800.0):
    mask = phantom.mask()
    inside = np.asarray(mask.dataobj) > 0
    return find_air(data, inside, mask.affine, np.eye(4), wm)


def test_the_lattice_is_about_2_mm():
    slices, affine = thinned(np.diag([1.0, 0.9, 2.5, 1.0]))
    assert [s.step for s in slices] == [2, 2, 1]
    assert np.diag(affine).tolist() == [2.0, 1.8, 2.5, 1.0]


def test_air_is_what_lies_outside_the_skin():
    found = air(phantom.head())
    r = phantom.distance()
    assert isinstance(found, Air)
    assert found.head[r < 82].all()
    assert not found.head[r > 92].any()
    assert not found.hat[:, :, phantom.axis() < -14].any()
    assert found.hat[:, :, phantom.axis() > -13].sum() > 20_000
    assert found.sd() == pytest.approx(20 * math.sqrt(2 - math.pi / 2), rel=0.02)  # Rayleigh


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (np.where(phantom.distance() < 70, phantom.head(), 0), "the background is blank"),
        (np.where(phantom.distance() < 90, phantom.head(), 0), "the background is blank"),
    ],
)
def test_a_blank_background_is_no_air(data, reason):
    assert air(data).startswith(reason)


def test_too_little_air():
    inside = np.ones((40, 40, 40), dtype=bool)
    found = find_air(np.full((40, 40, 40), 9.0, np.float32), inside, np.eye(4), np.eye(4), 9.0)
    assert isinstance(found, str)


def test_padding_is_left_out():
    data = phantom.head()
    data[:8] = 0
    found = air(data)
    assert found.padding[:8].mean() > 0.9
    assert not found.outside[1:7].any()
    assert found.padding[10:].sum() < 10


def test_artefacts_are_found_in_air():
    clean, spoiled = phantom.head(), phantom.head()
    spoiled[2:12, 2:12, -12:-2] += 500
    found = air(spoiled)
    artefacts = found.artefacts
    assert artefacts[3:11, 3:11, -11:-3].all()
    assert artefacts.sum() <= 1000
    assert qi1(found.hat & ~artefacts, artefacts) == pytest.approx(artefacts.sum() / found.hat.sum())
    assert not air(clean).artefacts.any()


def test_shares_and_energies():
    image = np.array([[4.0, 4.0], [2.0, 2.0]])
    head = image > 3
    assert fber(image, head, ~head, 4.0) == 4
    assert qi1(np.array([True] * 3), np.array([True])) == 0.25
    assert math.isnan(qi1(np.zeros(3, bool), np.zeros(3, bool)))


def test_the_energy_of_air_is_compared_with_white_matter():
    image = np.array([[800.0, 800.0], [0.01, 0.01]])
    head = image > 3
    with pytest.raises(NotMeasuredError, match="no air around it"):
        fber(image, head, head & False, 800.0)
    for unit in (1e-6, 1.0, 1e6):
        with pytest.raises(NotMeasuredError, match="in air is not above 3e-05 of that of white matter"):
            fber(unit * image, head, ~head, unit * 800.0)
        assert fber(unit * image, head, ~head, unit * 200.0) == pytest.approx(6.4e9)


def test_the_entropy_of_a_flat_image_is_highest():
    assert efc(np.full((10, 10, 10), 7.0)) == pytest.approx(1)
    point = np.zeros((10, 10, 10))
    point[5, 5, 5] = 3
    assert efc(point) == pytest.approx(0, abs=1e-12)
    assert math.isnan(efc(np.zeros((4, 4, 4))))
    image = phantom.head().astype(float)
    p = image / np.sqrt((image**2).sum())
    root = math.sqrt(image.size)
    assert efc(image) == pytest.approx(-(p * np.log(p)).sum() / (root * math.log(root)), rel=1e-9)


@pytest.mark.parametrize("axis", [0, 1])
def test_ghosts_beside_the_brain_are_measured(axis):
    clean = phantom.head()
    moved = np.roll(clean, clean.shape[axis] // 2, axis)
    inside = np.asarray(phantom.mask().dataobj) > 0
    values = [
        ghosting(air(clean + share * moved), inside, np.full(3, phantom.ZOOM), 800.0)
        for share in (0, 0.02, 0.05, 0.3)
    ]
    assert abs(values[0]) < 0.002
    assert values[0] < values[1] < values[2] < values[3]
