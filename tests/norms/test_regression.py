from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.norms.regression import Terms, fit
from tests.norms.people import BRAIN, simulated

TERMS = Terms(50.0, True, True, ("F", "M"), (20.0, 80.0), 1400.0)


def rows_of(people, terms=TERMS):
    return [terms.row(p.age_years, p.sex, p.head_ml) for p in people]


def brains(people):
    return np.array([person.values["brain"] for person in people])


def test_predictors():
    assert TERMS.row(60.0, "M", 1500.0) == [1.0, 1.0, 1.0, 1.0, 1.0]
    assert Terms(50.0, True, False, ("M",), (20.0, 80.0), None).row(30.0, "M", None) == [1.0, -2.0]


def test_known_coefficients_are_recovered():
    people = simulated(1, 20000)
    found = fit(rows_of(people), brains(people), TERMS, "linear")
    scale = {"intercept": 1, "year": 10, "square": 100, "male": 1, "head": 100}
    known = [scale[name] * BRAIN[name] for name in scale]
    errors = np.sqrt(np.diag(found.covariance)) * found.residual_sd
    assert (np.abs(np.array(found.coefficients) - known) < 4 * errors).all()
    assert errors.max() < 700
    assert found.residual_sd == pytest.approx(BRAIN["sd"], rel=0.02)


def test_the_expectation_of_a_new_person_has_the_error_of_the_coefficients():
    people = simulated(2, 30)
    found = fit(rows_of(people), brains(people), TERMS, "linear")
    inside, outside = found.expect(50.0, "F", 1350.0), found.expect(120.0, "F", 1350.0)
    assert inside.degrees == 25
    assert outside.scale > 2 * inside.scale > 2 * found.residual_sd
    terms = Terms(50.0, False, False, ("M",), (20.0, 80.0), None)
    mean = fit([[1.0]] * 30, brains(people), terms, "linear").expect(1.0, "F", None)
    assert mean.location == pytest.approx(brains(people).mean())
    assert mean.scale == pytest.approx(brains(people).std(ddof=1) * np.sqrt(1 + 1 / 30))


def test_what_does_not_determine_the_coefficients_has_no_regression():
    people = simulated(3, 5)
    assert fit(rows_of(people), brains(people), TERMS, "linear") is None
    women = [replace_sex(person) for person in simulated(3, 30)]
    assert fit(rows_of(women), brains(women), TERMS, "linear") is None
    people = simulated(3, 30)
    assert fit(rows_of(people), np.full(30, 5.0), TERMS, "logarithm") is None


def replace_sex(person):
    return type(person)(person.age_years, "F", person.head_ml, person.values)


@pytest.mark.parametrize(
    ("sexes", "age", "sex", "note"),
    [
        (("F", "M"), 20.0, "M", ()),
        (("F", "M"), 80.0, "F", ()),
        (("F",), 50.0, "M", ("sex_outside",)),
        (("F", "M"), 19.9, "F", ("age_outside",)),
        (("F", "M"), 80.1, "M", ("age_outside",)),
    ],
)
def test_people_of_whom_the_terms_say_nothing(sexes, age, sex, note):
    assert replace(TERMS, sexes=sexes).outside(age, sex) == note
