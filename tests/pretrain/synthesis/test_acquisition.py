import numpy as np
import pytest
import torch

from neurofm_bids.pretrain.synthesis.acquisition import (
    Acquisition,
    acquire,
    add_dropout,
    add_ghost,
    add_motion,
    add_ringing,
    blur,
    sharpen,
)
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields


@pytest.fixture
def image():
    image = torch.zeros(32, 36, 40)
    image[8:24, 8:28, 8:32] = 1
    return image


def high_frequencies(image, axis):
    spectrum = torch.fft.rfft(image, dim=axis).abs()
    return float(spectrum.narrow(axis, spectrum.shape[axis] - 3, 3).sum())


def test_ringing_removes_high_frequencies_along_one_axis(image):
    ringing = [add_ringing(image, RandomFields((n,)), 0.3) for n in range(8)]
    axes = {axis for r in ringing for axis in range(3) if high_frequencies(r, axis) < 1e-2}
    assert axes == {0, 1, 2}
    assert min(float(r.min()) for r in ringing) < -0.01  # ripples beside the edge


def test_blur_keeps_the_sum_and_smooths_along_its_axis_only(image):
    blurred = blur(image, [0.0, 1.5, 0.0])
    assert float(blurred.sum()) == pytest.approx(float(image.sum()), rel=1e-4)
    assert torch.allclose(blurred[:, 18], image[:, 18], atol=1e-3)
    assert 0 < float(blurred[16, 6, 20]) < 1


def test_a_ghost_appears_outside_the_object(image):
    ghost = add_ghost(image, RandomFields((1,)), 0.05)
    outside = (ghost - image)[image == 0]
    assert float(outside.max()) == pytest.approx(0.05 * (1 - float(image.mean())), rel=1e-4)


def test_dropout_darkens_a_ball(image):
    ratio = add_dropout(torch.ones_like(image), RandomFields((2,)), 0.4, 2)
    assert 0.6 <= float(ratio.min()) < 0.85  # the middle of the ball may lie outside
    assert float(ratio.max()) > 0.99


def test_sharpening_overshoots_at_edges_or_changes_nothing(image):
    images = [sharpen(image, RandomFields((n,))) for n in range(12)]
    assert {torch.equal(sharp, image) for sharp in images} == {True, False}
    assert max(float(sharp.max()) for sharp in images) > 1.01


def test_a_head_that_does_not_move_is_not_changed(image):
    still = add_motion(image, RandomFields((4,)), 0.0, 2)
    assert torch.allclose(still, image, atol=1e-4)


def test_motion_spreads_the_head_the_more_the_larger_it_is(image):
    errors = [
        float((add_motion(image, RandomFields((n,)), mm, 2) - image).square().mean().sqrt())
        for mm in (0.5, 4.0)
        for n in range(8)
    ]
    assert np.mean(errors[8:]) > 2 * np.mean(errors[:8]) > 0
    moved = add_motion(image, RandomFields((3,)), 4.0, 2)
    assert float(moved[image == 0].max()) > 0.05


def test_an_acquisition_says_what_it_did(monkeypatch):
    monkeypatch.setattr(RandomFields, "chance", lambda self, p: p == 0.85)
    image, acquisition = acquire(torch.full((32, 36, 40), 2.0), RandomFields((3,)))
    assert acquisition == Acquisition(bias_sd=acquisition.bias_sd, noise_sd=acquisition.noise_sd)
    assert 0 < acquisition.noise_sd < 0.05
    coarse = torch.nn.functional.avg_pool3d(image[None], 4)[0]  # without noise
    assert float(coarse.log().std()) == pytest.approx(acquisition.bias_sd, rel=0.1)


def test_every_effect_is_recorded_where_it_is_drawn():
    acquisitions = [acquire(torch.ones(16, 16, 16), RandomFields((5, n)))[1] for n in range(150)]
    for name, chance in (("motion_mm", 0.12), ("ghost", 0.1), ("ringing", 0.1), ("dropout", 0.1)):
        values = np.array([getattr(a, name) for a in acquisitions])
        assert np.mean(values > 0) == pytest.approx(chance, abs=0.08), name
    assert {a.gamma == 1 for a in acquisitions} == {True, False}
    assert {a.blur_mm == (0, 0, 0) for a in acquisitions} == {True, False}
    assert max(max(a.blur_mm) for a in acquisitions) > 1  # thick slices


def test_noise_is_rician(monkeypatch):
    monkeypatch.setattr(RandomFields, "chance", lambda self, p: p == 0.85)  # noise, and no random artefact
    noise, acquisition = acquire(torch.zeros(24, 24, 24), RandomFields((3,)))
    assert float(noise.min()) >= 0
    sd = float(noise.pow(2).mean().sqrt()) / np.sqrt(2)
    assert sd == pytest.approx(acquisition.noise_sd, rel=0.03)
    assert float(noise.mean()) == pytest.approx(sd * np.sqrt(np.pi / 2), rel=0.03)
