from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.bids.demographics import Person
from neurofm_bids.group.entry import about, entry_of, member_of, own_of
from neurofm_bids.group.member import make_member
from neurofm_bids.readouts.apply import Measured
from neurofm_bids.readouts.profile import profile
from neurofm_bids.records.anatomy import Anatomy, Volume
from neurofm_bids.records.columns import entries
from neurofm_bids.records.flag import Flag
from neurofm_bids.records.origin import origin_of
from tests.readouts.made import made_readout
from tests.samples import prediction, scan_record

FEATURES = np.array([0.1, -2.5e-8, 3e8], np.float32)
ANATOMY = Anatomy({"brainstem": Volume(20000.0, (19000.1, 21000.0), 0.9)}, 2, "a" * 64)
CASES = {
    "plain": {},
    "session": {"session": "a"},
    "flags": {"flags": (Flag("low_overlap", "Low", "serious", "the mask"),)},
    "anatomy": {"anatomy": ANATOMY},
    "volume": {"predictions": {"brain_volume": prediction(1.2e6 / 7, "mm^3")}},
    "acquisition": {"acquisition": {"EchoTime": 0.1 / 3, "ImageType": ["A", 1, None], "Note": "ü\t="}},
}


@pytest.mark.parametrize("person", [Person(), Person(40.1, "40.1", "F", "F", ("not_of_session",))])
@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_what_is_kept_of_a_scan_is_exact(changes, person):
    record = scan_record(**changes)
    member = make_member(record, person)
    scores = profile([made_readout()], Measured({"f000": 0.5, "f001": 0.25}), "ok").scores
    member = replace(member, scores=scores)
    entry = entry_of(record, member, FEATURES, "no reason")
    own = own_of(entry)
    kept, features, shared = member_of(entry, own)
    assert {**vars(kept), "centiles": tuple(kept.centiles)} == {
        **vars(member),
        "centiles": tuple(member.centiles),
    }
    np.testing.assert_array_equal(features, FEATURES)
    assert features.dtype == np.float32
    assert (own.image, own.problem) == (record.provenance.input, "no reason")
    assert shared == about(record)


def test_scans_share_how_they_were_made_and_what_their_columns_mean():
    first, second = about(scan_record("01")), about(scan_record("02", anatomy=None))
    assert first is second
    record = scan_record("03", anatomy=ANATOMY)
    assert about(record) is not first
    assert about(record).entries == entries(record)
    assert about(record).origin == origin_of(record)
    assert about(record).predicted == ("predicted_age_years",)
    assert about(record).made == replace(record.provenance, input=None)
