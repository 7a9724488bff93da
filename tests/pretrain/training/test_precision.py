import pytest
import torch

from neurofm_bids.pretrain.training.precision import convolution_seconds, fastest_precision


@pytest.mark.parametrize(
    ("rough", "chosen"),
    [(0.5, torch.bfloat16), (0.9, torch.float32), (10.0, torch.float32)],
)
def test_bfloat16_is_chosen_where_it_saves_a_fifth(rough, chosen):
    assert fastest_precision({torch.float32: 1.0, torch.bfloat16: rough}.__getitem__) is chosen


def test_both_precisions_are_measured():
    assert all(0 < convolution_seconds(p) < 10 for p in (torch.float32, torch.bfloat16))
    assert fastest_precision() in {torch.float32, torch.bfloat16}
