"""What the report shows of a scan that readouts are applied to."""

from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.bids.demographics import Person
from neurofm_bids.norms.user_reference import make_reference
from neurofm_bids.participant.scan_reports import hash_of
from neurofm_bids.participant.scored_reports import with_scores
from neurofm_bids.readouts.apply import Measured, score
from neurofm_bids.readouts.readout import Baseline
from neurofm_bids.report.contents import ScanReport
from neurofm_bids.report.profile import profile_of
from tests.norms.people import simulated
from tests.norms.test_user_reference import WHOLE
from tests.readouts.made import made_readout, with_replicates
from tests.samples import scan_record

SCAN = Measured({"f000": 0.5, "f001": 0.25})
PLAIN = ScanReport(scan_record(), Person(), {})
TIMED = with_replicates(made_readout("time-to-event"), -1.0, 1.0)


def risk_by(readout):
    return with_scores(PLAIN, [readout], SCAN).risks[readout.task.name]


def test_scores_come_with_how_their_readouts_were_made():
    made = with_scores(PLAIN, [made_readout()], SCAN)
    assert made.profile.scores == (score(made_readout(), SCAN),)
    about = made.readouts["raven"]
    assert (about.training, about.metrics) == ("20 students", (("r", 0.1, (-0.2, 0.4)),))
    assert made.risks == {}


def test_scores_are_placed_among_a_reference_that_has_the_readout():
    readout = made_readout()
    own = score(readout, SCAN)
    people = simulated(3, 80)
    scores = [(replace(own, value=own.value + k % 7 - 3.0),) for k in range(80)]
    reference = make_reference(people, version="1", origin=WHOLE, scores=scores)
    scan = replace(PLAIN, person=Person(50.0, sex="F"))
    (found,) = with_scores(scan, [readout], SCAN, reference).profile.scores
    assert found.reference_centile == pytest.approx(50, abs=10)
    line = profile_of(with_scores(scan, [readout], SCAN, reference)).domains["Cognitive"][0]
    assert line.reference == f"{found.reference_centile:.0f}"
    assert not profile_of(with_scores(scan, [readout], SCAN)).has_reference


def test_the_report_is_another_one_with_another_readout():
    made = [with_scores(PLAIN, [made_readout(residual_quantile=q)], SCAN) for q in (4.0, 3.0)]
    assert len({hash_of([one], []) for one in (PLAIN, *made)}) == 3


def test_a_risk_is_drawn_in_steps_to_the_end_of_follow_up():
    curve = risk_by(TIMED)
    assert curve.ages == (0, 1, 1, 2, 2, 5, 5)
    risk = np.array(curve.lines[50.0])
    assert risk[:2].tolist() == [0, 0]
    assert risk[1:-1:2] == pytest.approx(risk[0:-1:2])
    assert risk[-1] == pytest.approx(score(TIMED, SCAN).value)
    assert all(low <= mid <= high for low, mid, high in zip(*curve.lines.values(), strict=True))


def test_without_replicates_a_risk_has_no_band():
    assert list(with_scores(PLAIN, [made_readout("time-to-event")], SCAN).risks["time_to_event"].lines) == [
        50
    ]


def test_a_long_follow_up_is_drawn_in_few_steps():
    times = tuple(float(i) / 100 for i in range(1, 601))
    baseline = Baseline(times, tuple(t / 100 for t in times))
    curve = with_scores(PLAIN, [made_readout("time-to-event", baselines=(baseline,))], SCAN).risks[
        "time_to_event"
    ]
    assert len(curve.ages) == 119
    assert curve.ages[-1] == 6.0


def test_a_scan_without_a_score_has_no_risk():
    assert with_scores(PLAIN, [TIMED], Measured({})).risks == {}
