import pytest

from neurofm_bids.pretrain.synthesis.random_fields import RandomFields
from neurofm_bids.pretrain.synthesis.shape import make_shape
from tests.pretrain.people import person_like


@pytest.fixture(scope="session")
def person(anatomies):
    return person_like(anatomies[0])


@pytest.fixture(scope="session")
def shape(anatomies, person):
    return make_shape(anatomies[0], person, RandomFields((6, 6)))
