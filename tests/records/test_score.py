"""The score of a scan by a readout."""

from neurofm_bids.records.schema import from_json, to_json
from neurofm_bids.records.score import Profile, Score, ScorePart

PART = ScorePart("risk within 5 years", None)
SCORE = Score("raven", "cognitive", "regression", "", "value", "points", 1.5, (1.0, 2.0), parts=(PART,))


def test_a_profile_survives_its_json():
    made = Profile("ok", {"cognitive": (SCORE,), "clinical": (SCORE, SCORE)})
    assert from_json(Profile, to_json(made)) == made


def test_all_scores_of_a_profile():
    assert Profile("ok", {"cognitive": (SCORE,), "clinical": (SCORE, SCORE)}).scores == (SCORE,) * 3
    assert Profile("fail", {}).scores == ()
