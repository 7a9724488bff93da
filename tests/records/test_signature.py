"""Records that hold a digest of themselves."""

from neurofm_bids.records.schema import to_json
from neurofm_bids.records.signature import is_unchanged, signed
from tests.readouts.made import made_readout


def test_a_signed_record_is_as_its_file_and_unchanged():
    once = signed(made_readout(scores=(1 / 3,)))
    assert once.scores == (0.3333333,)
    assert signed(once) == once
    assert is_unchanged(to_json(once))


def test_a_change_of_any_field_is_found():
    values = to_json(made_readout())
    assert not is_unchanged({**values, "Notes": ["other"]})
    assert not is_unchanged([])
