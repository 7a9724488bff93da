import numpy as np
import pytest

from neurofm_bids.model.registry import model_spec
from neurofm_bids.model.summary import summarise

SPEC = model_spec("open-s")


def outputs(**changes):
    passes = {head.name: np.zeros(2 if head.outputs == 1 else (2, 2)) for head in SPEC.heads}
    return {**passes, **changes}


def test_values_are_in_the_units_of_their_heads():
    made = summarise(outputs(age=np.array([0.0, 1.0])), SPEC)
    head = SPEC.head("age")
    assert list(made) == [head.name for head in SPEC.heads]
    assert made["age"].value == pytest.approx(head.mean + 0.5 * head.sd)
    assert made["age"].sd == pytest.approx(head.sd / np.sqrt(2))
    low, high = made["age"].interval95
    assert (low + high) / 2 == pytest.approx(made["age"].value)


def test_the_probability_is_that_of_the_last_class_and_stays_between_0_and_1():
    made = summarise(outputs(sex=np.array([[0.0, 9.0], [0.0, 0.0]])), SPEC)["sex"]
    assert made.value == pytest.approx((1 / (1 + np.exp(-9)) + 0.5) / 2)
    assert 0 <= made.interval95[0] < made.value < made.interval95[1] == 1.0


def test_a_single_pass_has_no_spread():
    single = {name: values[:1] for name, values in outputs().items()}
    assert {(p.sd, p.interval95) for p in summarise(single, SPEC).values()} == {(None, None)}


@pytest.mark.parametrize(("z", "inside"), [(0.0, True), (9.0, False), (-9.0, False)])
def test_values_outside_the_trained_range_are_known(z, inside):
    assert summarise(outputs(age=np.full(2, z)), SPEC)["age"].in_range is inside
