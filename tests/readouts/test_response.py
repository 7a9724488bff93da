"""What a readout says, by kind."""

from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.readouts.response import Row, response, sampling_interval
from tests.readouts.made import made_readout, with_replicates

ROW = Row(np.array([0.5, 0.25]), np.array([]))  # the functions of made_readout give 1.0, -0.75 and 0.0
ODDS = np.exp(1.0)


def said(kind, *shifts, **changes):
    return response(with_replicates(made_readout(kind, **changes), *shifts), ROW)


def test_a_value_has_a_prediction_interval():
    made = said("regression", -1.0, 1.0)
    assert (made.quantity, made.value, made.interval95) == ("value", 1.0, (-3.0, 5.0))
    assert said("regression", residual_quantile=None).interval95 is None


def test_a_probability_has_the_interval_of_the_replicates_on_the_logit_scale():
    made = said("binary", -1.0, 1.0)
    assert (made.quantity, made.of_class, made.parts) == ("probability of class MDD", "MDD", ())
    assert made.value == pytest.approx(ODDS / (1 + ODDS))
    half = 1.959964 * np.sqrt(2)
    logits = [np.log(limit / (1 - limit)) for limit in made.interval95]
    assert logits == pytest.approx([1 - half, 1 + half])


def test_the_most_probable_of_many_classes_is_named_and_all_have_probabilities():
    made = said("multiclass", -1.0, 1.0)
    total = ODDS + np.exp(-0.75) + 1
    assert (made.quantity, made.of_class) == ("probability of class A", "A")
    assert [part.value for part in made.parts] == pytest.approx(
        [ODDS / total, np.exp(-0.75) / total, 1 / total]
    )
    assert made.value == made.parts[0].value
    assert made.interval95[0] == pytest.approx(made.value)  # shifts of all functions change nothing


def test_ordered_classes_give_the_expected_rank():
    made = said("ordinal", -1.0, 1.0)
    low, above = (1 / (1 + np.exp(1 - threshold)) for threshold in (-1, 1))
    high = 1 - above
    assert made.quantity == "expected rank, 1 (low) to 3 (high)"
    assert made.value == pytest.approx(1 * low + 2 * (1 - low - high) + 3 * high)
    assert 1 < made.interval95[0] < made.value < made.interval95[1] < 3
    assert sum(part.value for part in made.parts) == pytest.approx(1)


def test_a_time_to_an_event_gives_risks_at_horizons():
    made = said("time-to-event", -0.5, 0.5)
    assert [(part.name, part.horizon) for part in made.parts] == [
        ("risk within 2 years", 2),
        ("risk within 5 years", 5),
    ]
    assert [part.value for part in made.parts] == pytest.approx(
        [1 - np.exp(-0.05 * ODDS), 1 - np.exp(-0.2 * ODDS)]
    )
    assert (made.quantity, made.value) == ("risk within 5 years", made.parts[1].value)
    assert made.interval95[0] < made.value < made.interval95[1]


def test_a_competing_event_lowers_the_risk():
    alone, both = (said("time-to-event", competing=competing).value for competing in (False, True))
    assert both < alone


def test_risks_beyond_the_follow_up_are_not_stated():
    readout = made_readout("time-to-event")

    late = replace(
        readout, task=replace(readout.task, times=replace(readout.task.times, horizons=(2.0, 9.0)))
    )
    made = response(late, ROW)
    assert (made.quantity, made.parts[1].value) == ("risk within 2 years", None)
    never = replace(late, task=replace(late.task, times=replace(late.task.times, horizons=(9.0,))))
    assert response(never, ROW).value is None


def test_the_sampling_error_needs_two_replicates():
    assert sampling_interval(0.0, np.array([1.0])) is None
    assert said("binary", 1.0).interval95 is None
