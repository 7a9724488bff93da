import pytest
import torch

from neurofm_bids.pretrain.training.precision import fastest_precision, precision_of, training_seconds


def outputs(precision):
    weights = torch.ones(64, 64, dtype=precision, requires_grad=True)
    return (weights @ weights).float().sum()


@pytest.mark.parametrize(
    ("rough", "chosen"),
    [(0.5, torch.bfloat16), (0.9, torch.float32), (10.0, torch.float32)],
)
def test_bfloat16_is_chosen_where_it_saves_a_fifth(rough, chosen):
    assert fastest_precision({torch.float32: 1.0, torch.bfloat16: rough}.__getitem__) is chosen


def test_auto_measures_both_precisions():
    measured = []
    chosen = precision_of("auto", lambda precision: measured.append(precision) or outputs(precision))
    assert chosen in set(measured) == {torch.float32, torch.bfloat16}


def test_a_named_precision_is_not_measured():
    assert precision_of("bfloat16", None) is torch.bfloat16


def test_gradients_are_part_of_the_time():
    weights = torch.ones(2, requires_grad=True)
    assert training_seconds(weights.sum) >= 0
    assert weights.grad is not None
