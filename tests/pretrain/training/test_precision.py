import pytest
import torch

from neurofm_bids.pretrain.training.features import timed_features
from neurofm_bids.pretrain.training.precision import fastest_precision, precision_of, training_seconds
from neurofm_bids.pretrain.training.segmentation import timed_segmentation


def compute(precision):
    weights = torch.ones(256, 256, dtype=precision, requires_grad=True)
    return (weights @ weights).float().sum()


@pytest.mark.parametrize(
    ("rough", "chosen"),
    [(0.5, torch.bfloat16), (0.9, torch.float32), (10.0, torch.float32)],
)
def test_bfloat16_is_chosen_where_it_saves_a_fifth(rough, chosen):
    assert fastest_precision({torch.float32: 1.0, torch.bfloat16: rough}.__getitem__) is chosen


def test_auto_measures_both_precisions():
    measured = []
    chosen = precision_of("auto", lambda: lambda precision: measured.append(precision) or compute(precision))
    assert chosen in set(measured) == {torch.float32, torch.bfloat16}


def test_a_named_precision_is_not_measured():
    assert precision_of("bfloat16", pytest.fail) is torch.bfloat16


def test_the_random_generator_is_as_it_was():
    state = torch.random.get_rng_state()

    def build():
        torch.rand(1)
        return compute

    precision_of("auto", build)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_gradients_are_part_of_the_time():
    weights = torch.ones(256, 256, requires_grad=True)
    assert 0 < training_seconds(lambda precision: (weights @ weights).to(precision).sum(), torch.float32) < 10
    assert weights.grad is not None


@pytest.mark.parametrize(("build", "arguments"), [(timed_features, ("s",)), (timed_segmentation, ())])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_the_networks_that_are_timed_have_gradients(build, arguments, precision):
    total = build(*arguments)(precision)
    assert total.isfinite()
    assert total.requires_grad
