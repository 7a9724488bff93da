"""Covariates that hold the target; leakage between folds has test_cross_validation."""

import numpy as np
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.leakage import check_covariates, check_task, follows_from
from neurofm_bids.readouts.task import Task, Times

RNG = np.random.default_rng(0)
N = 60
GROUP = [str(g) for g in RNG.choice(["control", "patient"], N)]
SCORE = RNG.normal(20, 4, N).round(2)
AGE = RNG.normal(40, 10, N).round(1)


def text(values):
    return [f"{value:g}" for value in values]


@pytest.mark.parametrize(
    ("target", "covariate", "why"),
    [
        (GROUP, GROUP, "determines"),
        (GROUP, [{"control": "0", "patient": "1"}[g] for g in GROUP], "determines"),
        (GROUP, [f"{g}{k % 2}" for k, g in enumerate(GROUP)], "determines"),
        (GROUP, ["A" if g == "control" else "BC"[k % 2] for k, g in enumerate(GROUP)], "determines"),
        (GROUP, text(np.where(np.array(GROUP) == "patient", 20, 0) + RNG.random(N) * 9), "determines"),
        (text(SCORE), text(SCORE), "copy"),
        (text(SCORE), text(-2 * SCORE + 7), "copy"),
        (text(SCORE), text(SCORE + RNG.normal(0, 0.1, N)), "copy"),
        (text(SCORE), text(np.exp(SCORE)), "determines"),
        (text(SCORE), text(SCORE.round(-1)), "is determined by"),
        (text(SCORE), ["high" if s > 20 else "low" for s in SCORE], "is determined by"),
    ],
)
def test_a_covariate_that_holds_the_target_is_refused(target, covariate, why):
    with pytest.raises(NeuroFMError, match=f"the covariate odd .*{why}.* the target y.*task t") as error:
        check_covariates("t", "y", target, {"age": text(AGE), "odd": covariate})
    assert "Remove it" in str(error.value)


def test_the_column_of_the_target_is_refused_by_name():
    with pytest.raises(NeuroFMError, match="the covariate IQ is the target iq"):
        check_covariates("t", "iq", text(SCORE), {"IQ": text(AGE)})


def test_covariates_that_hold_it_together_are_refused():
    part = RNG.normal(10, 3, N)
    parts = {"verbal": text(part), "other": text(SCORE - part)}
    with pytest.raises(NeuroFMError, match="verbal, other together determine"):
        check_covariates("t", "iq", text(SCORE), parts)


@pytest.mark.parametrize("target", [GROUP, text(SCORE)])
def test_other_covariates_are_not(target):
    site = ["AB"[k % 2] for k in range(N)]
    rare = ["x"] + ["y"] * (N - 1)
    noisy = text(SCORE + RNG.normal(0, 2, N))
    check_covariates("t", "y", target, {"age": text(AGE), "site": site, "rare": rare, "noisy": noisy})


@pytest.mark.parametrize(
    ("effect", "cause", "follows"),
    [
        (["a"] * 29 + ["b"], [str(k) for k in range(30)], False),  # the oldest person may be the only b
        (["a", "b"] * 15, [str(k) for k in range(30)], False),
        (["a"] * 15 + ["b"] * 15, [str(k) for k in range(30)], True),
        (["a"] * 15 + ["b"] * 15, [f"p{k}" for k in range(30)], False),  # a name for each person
        (["a"] * 30, ["x", "y"] * 15, False),
    ],
)
def test_a_relation_that_chance_makes_is_none(effect, cause, follows):
    assert follows_from(effect, cause) is follows


YEARS, ENTRY = RNG.uniform(3, 10, N).round(3), RNG.uniform(0, 2, N).round(3)
EVENTS = Task(
    "t",
    "clinical",
    "time-to-event",
    "outcome",
    covariates=("age", "odd"),
    times=Times("years", "b", entry="in"),
)


def check_times(odd, age=AGE):
    columns = {"outcome": ["ab"[k % 3 == 0] for k in range(N)], "years": text(YEARS), "in": text(ENTRY)}
    check_task(EVENTS, {**columns, "age": text(age), "odd": odd})


@pytest.mark.parametrize(
    ("covariate", "why"),
    [
        (YEARS * 365.25, "the covariate odd is nearly a copy .* of the time years"),
        (-YEARS, "the covariate odd is nearly a copy .* of the time years"),
        (YEARS - ENTRY, "the covariate odd is nearly a copy .* of the time years - in"),
        (YEARS // 3, "the covariate odd is determined by the time years"),
        (AGE + YEARS, "the covariates age, odd together determine the time years"),
    ],
)
def test_a_covariate_that_holds_the_time_to_an_event_is_refused(covariate, why):
    with pytest.raises(NeuroFMError, match=f"{why}.*task t.*Remove"):
        check_times([f"{value:.9g}" for value in covariate])


def test_age_at_entry_and_the_site_are_not_times():
    check_times(text(AGE + ENTRY))
    check_times(["AB"[k % 2] for k in range(N)])
