import pytest

from neurofm_bids.records.anatomy import Anatomy, Volume


def anatomy(**mm3):
    return Anatomy({name: Volume(value, None, 0.9) for name, value in mm3.items()}, 2, "")


def test_asymmetry_is_left_minus_right_over_their_mean():
    found = anatomy(left_caudate=3.0, right_caudate=5.0, brainstem=7.0).asymmetry
    assert found == {"caudate": pytest.approx(-0.5)}


def test_structures_that_are_not_there_have_no_asymmetry():
    assert anatomy(left_caudate=0.0, right_caudate=0.0).asymmetry == {}
