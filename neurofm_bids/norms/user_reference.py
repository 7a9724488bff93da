"""A reference made from healthy participants of the user: fitted, written to a file, read and checked."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic.dataclasses import dataclass

from neurofm_bids.bids.signed_file import read_signed
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.norms.distribution import Scale, on_scale
from neurofm_bids.norms.reference import Expectation
from neurofm_bids.norms.regression import Regression, Terms, fit
from neurofm_bids.norms.scores import ScoreNorm, scale_of_score
from neurofm_bids.records.centile import PREDICTED_AGE, Observation
from neurofm_bids.records.origin import Origin
from neurofm_bids.records.schema import RECORD, to_json
from neurofm_bids.records.score import Score
from neurofm_bids.records.signature import signed
from neurofm_bids.storage.atomic import write_json

__all__ = ["LEAST", "UserReference", "make_reference", "read_reference", "write_reference"]

LEAST = 20  # people
_LEAST_OF_A_SEX = 5
_QUADRATIC, _QUADRATIC_YEARS = 60, 20.0  # people, and range of ages, from which on age may count squared
_LEAST_YEARS = 1.0  # range of ages from which on age counts
_NEW = "Make it again with --make-reference."


@dataclass(frozen=True, config=RECORD)
class UserReference:
    """Regressions of volumes, predicted age and scores on age, sex and head size over some people.

    Parameters
    ----------
    version
        Of NeuroFM-BIDS.
    origin
        How the volumes were made; only volumes made so can be compared.
    people
        Number of people by sex, ``F`` and ``M``; volumes that not all of them have keep their own.
    age_range
        Of these people, in years.
    at_head_size, without_head_size
        By the keys of centiles; the second is for scans whose head size is not known, and for the predicted
        age.
    scores
        Of readouts, by their names.
    digest
        SHA-256 of all other fields.
    """

    version: str
    origin: Origin
    people: Mapping[str, int]
    age_range: tuple[float, float]
    at_head_size: Mapping[str, Regression]
    without_head_size: Mapping[str, Regression]
    scores: Mapping[str, ScoreNorm] = field(default_factory=dict)
    digest: str = field(default="")

    def ages(self, key: str, head_ml: float | None) -> tuple[float, float]:
        """Return the range of the ages of its people with a volume."""
        return self._regression(key, head_ml).terms.age_range

    @property
    def about(self) -> Mapping[str, Any]:
        """Number of people, ages, and the digest that tells it from others."""
        people = {"People": dict(self.people), "AgeRange": list(self.age_range)}
        return {"Name": "reference of the user", **people, "SHA256": self.digest}

    @property
    def is_freesurfer(self) -> bool:
        """False: its volumes were measured like those that are compared with them."""
        return False

    def covers(self, key: str, definition: str) -> bool:
        """Tell whether it has a volume."""
        return key in self.without_head_size

    def refuses(self, origin: Origin) -> str:
        """Return why volumes made so cannot be compared with it; empty if they can."""
        return self.origin.difference(origin)

    def expect(
        self, key: str, definition: str, age_years: float, sex: str, head_ml: float | None
    ) -> Expectation:
        """Return the distribution of a volume; none for an age or sex of which no one has this volume."""
        regression = self._regression(key, head_ml)
        if outside := regression.terms.outside(age_years, sex):
            return Expectation(None, outside)
        if regression.terms.head_centre is None and key != PREDICTED_AGE:
            return Expectation(regression.expect(age_years, sex, None), ("no_head_size",))
        return Expectation(regression.expect(age_years, sex, head_ml))

    def of_score(self, name: str, digest: str) -> Regression | None:
        """Return the regression of the scores of a readout on age and sex; None for another readout."""
        norm = self.scores.get(name)
        return norm.regression if norm is not None and norm.digest == digest else None

    def _regression(self, key: str, head_ml: float | None) -> Regression:
        is_sized = head_ml is not None and key in self.at_head_size
        return self.at_head_size[key] if is_sized else self.without_head_size[key]


def make_reference(
    people: Sequence[Observation],
    *,
    version: str,
    origin: Origin,
    scores: Sequence[Sequence[Score]] = (),
) -> UserReference:
    """Fit a reference.

    Values are linear in age, sex and (volumes) head size, and quadratic in age with 60 people over 20 years
    or more; how errors vary is chosen by :func:`~neurofm_bids.norms.regression.fit`. Logarithms of ventricles
    and logits of probabilities are fitted. A sex of fewer than five people, or of whom fewer have a value, is
    left out.

    Parameters
    ----------
    scores
        Of readouts, of each of the people; those of one name are of one readout.

    Raises
    ------
    NeuroFMError
        There are fewer than 20 people with age, sex and volumes.
    """
    usable = [person for person in people if not person.reason and person.sex is not None]
    counts = Counter(person.sex for person in usable)
    usable = _of_usual_sexes(usable)
    if len(usable) < LEAST:
        women, men = _count(counts["F"], "woman", "women"), _count(counts["M"], "man", "men")
        raise NeuroFMError(
            f"a reference needs at least {LEAST} participants with age, sex and volumes, at least "
            f"{_LEAST_OF_A_SEX} of a sex, and there are {women} and {men}",
            where="--reference-participants",
            fix="Name more participants.",
        )
    ages = [person.age_years or 0.0 for person in usable]
    sized = [person for person in usable if person.head_ml is not None]
    scales = {key: _scale(key) for person in usable for key in person.values}
    of_heads = {key: scale for key, scale in scales.items() if key != PREDICTED_AGE}
    made = UserReference(
        version,
        origin,
        {sex: counts[sex] for sex in _sexes(usable)},
        (min(ages), max(ages)),
        _regressions(sized, of_heads, with_head=True),
        _regressions(usable, scales, with_head=False),
        _score_norms(people, scores),
    )
    return signed(made)


def _count(n: int, one: str, several: str) -> str:
    return f"{n} {one if n == 1 else several}"


def write_reference(path: Path, reference: UserReference) -> None:
    """Write a reference as JSON.

    Raises
    ------
    NeuroFMError
        The file cannot be written.
    """
    write_json(path, to_json(reference), sort_keys=False)


def read_reference(path: Path) -> UserReference:
    """Return the reference of a file.

    Raises
    ------
    NeuroFMError
        The file cannot be read (exit code 64), or is not a whole and unchanged reference (65).
    """
    return read_signed(UserReference, path, "reference", "--reference", _NEW)


def _scale(key: str) -> Scale:
    return "logarithm" if "ventric" in key else "linear"


def _score_norms(people: Sequence[Observation], scores: Sequence[Sequence[Score]]) -> dict[str, ScoreNorm]:
    """Return what scores to expect, of the readouts whose classes have an order."""
    pairs = [(p, own) for p, own in zip(people, scores, strict=bool(scores)) if not p.reason]
    known = {score.name: score for _, own in pairs for score in own if score.kind != "multiclass"}
    observed = [
        replace(person, values={s.name: s.value for s in own if s.value is not None}) for person, own in pairs
    ]
    scales = {name: scale_of_score(score) for name, score in known.items()}
    fitted = _regressions(_of_usual_sexes(observed), scales, with_head=False)
    return {name: ScoreNorm(known[name].digest, regression) for name, regression in fitted.items()}


def _regressions(
    people: Sequence[Observation], scales: Mapping[str, Scale], *, with_head: bool
) -> dict[str, Regression]:
    found: dict[str, Regression] = {}
    for key, scale in scales.items():
        having = [
            person for person in people if math.isfinite(on_scale(person.values.get(key, math.nan), scale))
        ]
        having = _of_usual_sexes(having)
        if len(having) < LEAST:
            continue
        terms = _terms(having, with_head=with_head)
        rows = [terms.row(p.age_years or 0.0, p.sex or "", p.head_ml) for p in having]
        values = np.array([person.values[key] for person in having])
        regression = fit(rows, values, terms, scale)
        found |= {key: regression} if regression else {}
    return found


def _of_usual_sexes(people: Sequence[Observation]) -> list[Observation]:
    """Return the people of a sex of which there are enough."""
    counts = Counter(person.sex for person in people)
    return [person for person in people if counts[person.sex] >= _LEAST_OF_A_SEX]


def _sexes(people: Sequence[Observation]) -> tuple[str, ...]:
    return tuple(sorted({person.sex for person in people if person.sex is not None}))


def _terms(people: Sequence[Observation], *, with_head: bool) -> Terms:
    ages = np.array([person.age_years for person in people])
    years = float(np.ptp(ages))
    heads = [person.head_ml for person in people if person.head_ml is not None]
    return Terms(
        age_centre=float(ages.mean()),
        is_age_linear=years >= _LEAST_YEARS,
        is_age_quadratic=len(people) >= _QUADRATIC and years >= _QUADRATIC_YEARS,
        sexes=_sexes(people),
        age_range=(float(ages.min()), float(ages.max())),
        head_centre=float(np.mean(heads)) if with_head else None,
    )
