import pytest

from neurofm_bids.config import GROUPS
from neurofm_bids.option import make, options_of
from neurofm_bids.resource_options import Resources


def test_they_are_a_group_of_the_settings_of_a_run():
    assert GROUPS["resources"] is Resources


@pytest.mark.parametrize(("text", "gigabytes"), [("8000", 8.0), ("500MB", 0.5)])
def test_memory_is_read_in_megabytes_unless_it_has_a_unit(text, gigabytes):
    declared = {item.name: option for item, option in options_of(Resources)}
    assert declared["memory_gb"].convert(text) == gigabytes


def test_processors_and_memory_are_those_of_the_machine_unless_given():
    found = make(Resources, {"nprocs": 3})
    assert (found.nprocs, found.omp_nthreads) == (3, Resources().omp_nthreads)
    assert found.memory_gb > 0
