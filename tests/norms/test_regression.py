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


def test_a_sd_that_grows_with_age_is_in_the_expectation():
    people, rng = simulated(5, 500), np.random.default_rng(0)
    ages = np.array([person.age_years for person in people])
    values = 100 + ages + np.exp(0.2 * (ages - 50) / 10) * rng.normal(size=500)
    found = fit(rows_of(people), values, TERMS, "linear")
    assert found.sd_slope == pytest.approx(0.2, abs=0.05)
    young, old = (found.expect(age, "F", 1400.0) for age in (25.0, 75.0))
    assert old.scale / young.scale == pytest.approx(np.exp(0.2 * 5), rel=0.3)
    linear = replace(TERMS, is_age_quadratic=False)
    assert fit(rows_of(people, linear), values, linear, "linear").sd_slope == 0


@pytest.mark.parametrize(("count", "is_shaped"), [(150, False), (600, True)])
def test_errors_that_are_not_normal_are_shaped_where_there_are_enough_people(count, is_shaped):
    people, rng = simulated(6, count), np.random.default_rng(1)
    found = fit(rows_of(people), rng.gamma(1.5, size=count), TERMS, "linear")
    assert (found.skew != 0) == is_shaped
    expected = found.expect(50.0, "F", 1400.0)
    low, high = (
        abs(expected.quantile(c) - np.quantile(rng.gamma(1.5, size=100000), c / 100)) for c in (5, 95)
    )
    assert (low < 0.2 and high < 0.6) == is_shaped


def test_shares_are_fitted_by_their_logits():
    people, rng = simulated(7, 300), np.random.default_rng(2)
    shares = 1 / (1 + np.exp(2 + rng.normal(size=300)))
    found = fit(rows_of(people), shares, TERMS, "logit")
    assert found.of == "logit"
    assert found.expect(50.0, "F", 1400.0).median == pytest.approx(1 / (1 + np.exp(2)), abs=0.03)
