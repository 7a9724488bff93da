"""The profile of a scan."""

from neurofm_bids.readouts.apply import Measured
from neurofm_bids.readouts.profile import profile
from tests.readouts.made import made_readout

SCAN = Measured({"f000": 0.5, "f001": 0.25}, has_failed=True)


def test_scores_stand_by_domain_in_the_order_of_the_domains():
    readouts = [made_readout(), made_readout(name="second"), made_readout("ordinal"), made_readout("binary")]
    made = profile(readouts, SCAN, "fail")
    names = {domain: [score.name for score in scores] for domain, scores in made.domains.items()}
    assert list(names.items()) == [
        ("clinical", ["depression"]),
        ("cognitive", ["raven", "second"]),
        ("socio-behavioural", ["ordinal"]),
    ]
    assert made.quality == "fail"
    assert all("quality_failed" in score.notes for score in made.scores)


def test_without_readouts_there_is_nothing():
    assert profile([], SCAN, "ok").scores == ()
