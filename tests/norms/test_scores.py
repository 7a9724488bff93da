"""Scores of readouts among people of a reference."""

from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.bids.demographics import Person
from neurofm_bids.norms.reference import PUBLISHED
from neurofm_bids.norms.scores import placed_score, scale_of_score
from neurofm_bids.norms.user_reference import make_reference, read_reference, write_reference
from neurofm_bids.records.score import Score
from tests.norms.people import simulated
from tests.norms.test_user_reference import WHOLE

POINTS = Score("raven", "cognitive", "regression", "", "value", "points", 20.0, digest="d1")
SHARE = Score("mdd", "clinical", "binary", "", "probability of class MDD", "1", 0.5, digest="d2")
CLASS = Score("abc", "clinical", "multiclass", "", "probability of class A", "1", 0.5, digest="d3")
WOMAN = Person(50.0, sex="F")


def reference(count=200):
    """Return a reference whose people lose a point per decade, and have probabilities around 0.2."""
    people, rng = simulated(3, count), np.random.default_rng(4)
    scores = []
    for person in people:
        points = 25 - person.age_years / 10 + rng.normal(0, 2)
        share = 1 / (1 + np.exp(1.4 + rng.normal(0, 0.7)))
        scores.append(
            (
                replace(POINTS, value=float(points)),
                replace(SHARE, value=float(share)),
                replace(CLASS, value=0.3),
            )
        )
    return make_reference(people, version="1", origin=WHOLE, scores=scores)


MADE = reference()


def test_scores_lie_where_their_people_are():
    assert set(MADE.scores) == {"raven", "mdd"}
    found = placed_score(replace(POINTS, value=22.0), WOMAN, MADE)
    assert found.reference_expected == pytest.approx(20, abs=0.5)
    assert found.reference_z == pytest.approx(1, abs=0.3)
    assert found.reference_centile == pytest.approx(80, abs=7)
    older = placed_score(replace(POINTS, value=22.0), replace(WOMAN, age_years=75.0), MADE)
    assert older.reference_z > found.reference_z + 0.7
    likely = placed_score(replace(SHARE, value=0.9), WOMAN, MADE)
    assert likely.reference_expected == pytest.approx(0.2, abs=0.04)
    assert likely.reference_centile > 99.9
    assert placed_score(replace(SHARE, value=1.0), WOMAN, MADE).reference_z == 8.0


@pytest.mark.parametrize(
    ("score", "person", "chosen"),
    [
        (replace(POINTS, digest="other"), WOMAN, MADE),
        (replace(POINTS, value=None), WOMAN, MADE),
        (replace(POINTS, notes=("quality_failed",)), WOMAN, MADE),
        (CLASS, WOMAN, MADE),
        (POINTS, Person(50.0), MADE),
        (POINTS, Person(sex="F"), MADE),
        (POINTS, Person(50.0, sex="F", remarks=("lower_bound",)), MADE),
        (POINTS, Person(95.0, sex="F"), MADE),
        (POINTS, WOMAN, PUBLISHED),
    ],
)
def test_scores_that_cannot_be_placed_have_no_centile(score, person, chosen):
    earlier = replace(score, reference_z=3.0, reference_centile=99.9, reference_expected=1.0)
    found = placed_score(earlier, person, chosen)
    assert (found.reference_expected, found.reference_z, found.reference_centile) == (None, None, None)
    assert found.value == score.value


def test_a_file_holds_them(tmp_path):
    write_reference(tmp_path / "r.json", MADE)
    assert read_reference(tmp_path / "r.json").scores == MADE.scores


def test_few_people_with_a_score_make_no_norm():
    people = simulated(3, 60)
    scores = [(replace(POINTS, value=20.0 + k),) if k < 19 else () for k in range(60)]
    made = make_reference(people, version="1", origin=WHOLE, scores=scores)
    assert made.scores == {}
    assert made.of_score("raven", "d1") is None


@pytest.mark.parametrize(
    ("quantity", "scale"),
    [
        ("value", "linear"),
        ("probability of class MDD", "logit"),
        ("risk within 5 years", "logit"),
        ("expected rank, 1 (low) to 3 (high)", "linear"),
    ],
)
def test_shares_are_placed_by_their_logits(quantity, scale):
    assert scale_of_score(replace(POINTS, quantity=quantity)) == scale
