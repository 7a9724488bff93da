import pytest

from neurofm_bids.pretrain.synthesis.population import Person
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields
from neurofm_bids.pretrain.synthesis.shape import make_shape


@pytest.fixture(scope="session")
def person():
    return Person(40.0, "F", 1400.0, 1120.0, 20.0, 0.1)


@pytest.fixture(scope="session")
def shape(anatomies, person):
    return make_shape(anatomies[0], person, RandomFields((6, 6)))
