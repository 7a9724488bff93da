"""Scores of readouts among healthy people of the same age and sex."""

from __future__ import annotations

from dataclasses import replace

from pydantic.dataclasses import dataclass

from neurofm_bids.bids.demographics import Person
from neurofm_bids.norms.distribution import Scale, centile_of
from neurofm_bids.norms.observed import reasons_of
from neurofm_bids.norms.reference import Reference
from neurofm_bids.norms.regression import Regression
from neurofm_bids.records.schema import RECORD
from neurofm_bids.records.score import Score

__all__ = ["ScoreNorm", "placed_score", "scale_of_score"]

_SHARES = ("probability", "risk")  # quantities between 0 and 1


@dataclass(frozen=True, config=RECORD)
class ScoreNorm:
    """What scores of a readout to expect of healthy people.

    Parameters
    ----------
    digest
        Of the readout: scores of another one are not compared.
    regression
        Of the scores on age and sex.
    """

    digest: str
    regression: Regression


def scale_of_score(score: Score) -> Scale:
    """Return on which scale scores are regressed: probabilities and risks are by their logits."""
    return "logit" if score.quantity.startswith(_SHARES) else "linear"


def placed_score(score: Score, person: Person, reference: Reference) -> Score:
    """Return a score with its centile among the people of a reference, without one where there is none.

    There is none for classes without order, for people whose age or sex is not known or is not among those of
    the reference, and for scans whose quality is judged as fail.
    """
    plain = replace(score, reference_expected=None, reference_z=None, reference_centile=None)
    value, age, sex = score.value, person.age_years, person.sex
    norm = reference.of_score(score.name, score.digest)
    if norm is None or value is None or age is None or sex is None:
        return plain
    if reasons_of(person) or "quality_failed" in score.notes or norm.terms.outside(age, sex):
        return plain
    expected = norm.expect(age, sex, None)
    z = expected.z(value)
    return replace(plain, reference_expected=expected.median, reference_z=z, reference_centile=centile_of(z))
