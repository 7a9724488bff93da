import pytest

from neurofm_bids.model.architecture import ARCHITECTURES, WIDTH


@pytest.mark.parametrize(("name", "latent"), [("s", 160), ("m", 256), ("l", 512)])
def test_latent_sizes_are_the_published_ones(name, latent):
    assert ARCHITECTURES[name].latent_size == latent
    assert ARCHITECTURES[name].name == name


def test_the_small_one_pools_its_last_stage():
    assert ARCHITECTURES["s"].latent_size == WIDTH * len(ARCHITECTURES["s"].blocks)
