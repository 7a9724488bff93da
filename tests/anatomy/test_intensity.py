import pytest
import torch

from neurofm_bids.anatomy.intensity import scaled


@pytest.fixture
def image():
    """A cube with a background of zero and a ramp from 1 to 101 inside."""
    image = torch.zeros(20, 20, 20)
    image[5:15, 5:15, 5:15] = torch.linspace(1, 101, 1000).view(10, 10, 10)
    return image


def test_the_98th_percentile_of_the_brain_is_one(image):
    result = scaled(image)
    assert float(result[image > 0].quantile(0.98)) == pytest.approx(1, abs=1e-6)
    assert torch.allclose(result, image / 99)
    assert not result[image == 0].any()


@pytest.mark.parametrize("factor", [1e-3, 7.0, 4000.0])
def test_the_unit_of_the_image_does_not_matter(image, factor):
    assert torch.allclose(scaled(image * factor), scaled(image), rtol=1e-5)


def test_values_are_clipped(image):
    image[0, 0, 0], image[7, 7, 7] = -30, 1000
    result = scaled(image)
    assert float(result[0, 0, 0]) == 0
    assert float(result[7, 7, 7]) == pytest.approx(1.6)


def test_large_images_are_sampled():
    image = torch.rand((80, 80, 80), generator=torch.Generator().manual_seed(0)) + 0.001
    assert float(scaled(image).quantile(0.5, dim=0).mean()) == pytest.approx(0.5 / 0.98, rel=0.01)


def test_an_empty_image_stays_empty():
    assert not scaled(torch.zeros(4, 5, 6)).any()
