import numpy as np
import pytest
import torch

from neurofm_bids.pretrain.synthesis.acquisition import (
    acquire,
    add_dropout,
    add_ghost,
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
    ringing = [add_ringing(image, RandomFields((n,))) for n in range(8)]
    axes = {axis for r in ringing for axis in range(3) if high_frequencies(r, axis) < 1e-2}
    assert axes == {0, 1, 2}
    assert min(float(r.min()) for r in ringing) < -0.01  # ripples beside the edge


def test_blur_keeps_the_sum_and_smooths_along_its_axis_only(image):
    blurred = blur(image, [0.0, 1.5, 0.0])
    assert float(blurred.sum()) == pytest.approx(float(image.sum()), rel=1e-4)
    assert torch.allclose(blurred[:, 18], image[:, 18], atol=1e-3)
    assert 0 < float(blurred[16, 6, 20]) < 1


def test_a_ghost_appears_outside_the_object(image):
    ghost = add_ghost(image, RandomFields((1,)))
    assert float((ghost - image).abs()[image == 0].max()) > 0.01


def test_dropout_darkens_a_ball(image):
    ratio = add_dropout(torch.ones_like(image), RandomFields((2,)), 2)
    assert float(ratio.min()) < 0.85
    assert float(ratio.max()) > 0.99


def test_sharpening_overshoots_at_edges_or_changes_nothing(image):
    images = [sharpen(image, RandomFields((n,))) for n in range(12)]
    assert {torch.equal(sharp, image) for sharp in images} == {True, False}
    assert max(float(sharp.max()) for sharp in images) > 1.01


def test_noise_is_rician(monkeypatch):
    monkeypatch.setattr(RandomFields, "chance", lambda self, p: p == 0.85)  # noise, and no random artefact
    noise = acquire(torch.zeros(24, 24, 24), RandomFields((3,)))
    assert float(noise.min()) >= 0
    sd = float(noise.pow(2).mean().sqrt()) / np.sqrt(2)
    assert float(noise.mean()) == pytest.approx(sd * np.sqrt(np.pi / 2), rel=0.03)
