import math

import pytest
import torch

from neurofm_bids.anatomy.network import CLASSES
from neurofm_bids.pretrain.training.segmentation_loss import LossWeights, dense_fractions, segmentation_loss

ONLY_CLASSES = LossWeights(dice=0, side=0, levels=(1.0,))
FINE, BOTH = (1.0,), (1.0, 0.5)
CSF, HIPPOCAMPUS, BRAINSTEM = (CLASSES.index(name) for name in ("csf", "hippocampus", "brainstem"))


def box(size=(2, 3, 4), left=0.0, **fractions):
    """Return a box of which every voxel has the same fractions, and its sides."""
    dense = torch.zeros(1, len(CLASSES), *size)
    for name, value in (fractions or {"background": 1.0}).items():
        dense[:, CLASSES.index(name)] = value
    return dense, torch.full((1, *size), left)


def logits_of(fractions, left=0.0):
    sides = torch.full_like(fractions[:, :1], left)
    return torch.cat([fractions.clamp(min=1e-12).log(), sides], dim=1)


def test_pairs_become_fractions():
    labels = torch.tensor([[0, 24], [3, 3]], dtype=torch.uint8).reshape(1, 2, 2, 1, 1)
    shares = torch.tensor([[0.25, 0.5], [0.75, 0.5]]).reshape(1, 2, 2, 1, 1)
    dense = dense_fractions(labels, shares)
    assert dense.shape == (1, 25, 2, 1, 1)
    assert dense[0, :, 0, 0, 0].nonzero().flatten().tolist() == [0, 3]
    assert dense[0, 3, :, 0, 0].tolist() == [0.75, 0.5]
    assert dense[0, 24, :, 0, 0].tolist() == [0, 0.5]


def test_cross_entropy():
    fractions, left = box(csf=0.25, brainstem=0.75)
    even = torch.zeros(1, 26, 2, 3, 4)
    assert segmentation_loss([even], fractions, left, ONLY_CLASSES) == pytest.approx(math.log(25))
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    perfect = segmentation_loss([logits_of(fractions)], fractions, left, ONLY_CLASSES)
    assert perfect == pytest.approx(entropy, abs=1e-5)


def dice(logits, fractions, left, rarity=0.0):
    weights = LossWeights(dice=1, side=0, rarity=rarity, levels=FINE)
    without = segmentation_loss([logits], fractions, left, ONLY_CLASSES)
    return float(segmentation_loss([logits], fractions, left, weights) - without)


def test_dice_is_least_at_the_fractions_themselves():
    fractions, left = box(csf=0.25, brainstem=0.75)
    assert dice(logits_of(fractions), fractions, left) == pytest.approx(0, abs=1e-5)
    hard, _ = box(brainstem=1.0)  # the border drawn at one half
    # csf: no overlap; brainstem: 2 * 0.75 / (1 + 0.75 ** 2)
    assert dice(logits_of(hard), fractions, left) == pytest.approx((1 + 1 - 1.5 / 1.5625) / 2, abs=1e-4)


@pytest.mark.parametrize("rarity", [0.0, 0.5])
def test_small_classes_count_as_much_as_large_ones_or_more(rarity):
    """Of background (14 voxels), brainstem (8) and hippocampus (2), the last is missed: called background."""
    fractions, left = box(size=(2, 3, 4))
    fractions[0, :, 0, 0, :2] = 0
    fractions[0, HIPPOCAMPUS, 0, 0, :2] = 1
    fractions[0, :, 1, :2] = 0
    fractions[0, BRAINSTEM, 1, :2] = 1
    wrong = fractions.clone()
    wrong[0, :, 0, 0, :2] = 0
    wrong[0, 0, 0, 0, :2] = 1
    background = 1 - 2 * 14 / (16 + 14)
    importance = torch.tensor([14.0, 8.0, 2.0]) ** -rarity
    mean = float((importance * torch.tensor([background, 0.0, 1.0])).sum() / importance.sum())
    assert dice(logits_of(wrong), fractions, left, rarity) == pytest.approx(mean, abs=1e-4)


def test_the_side_counts_where_structures_have_sides():
    fractions, left = box(size=(1, 1, 4), left=1.0, hippocampus=1.0)
    fractions[..., 2:] = 0
    fractions[0, BRAINSTEM, ..., 2:] = 1  # one voxel without sides, whatever the target is there
    left[..., 3] = 0
    weights = LossWeights(dice=0, side=1, levels=FINE)
    for logit in (0.0, 2.0):
        logits = logits_of(fractions, left=logit)
        cost = segmentation_loss([logits], fractions, left, weights)
        cost = cost - segmentation_loss([logits], fractions, left, ONLY_CLASSES)
        assert cost == pytest.approx(math.log1p(math.exp(-logit)), abs=1e-5)


@pytest.mark.parametrize("size", [(4, 4, 4), (3, 5, 2)])
def test_coarse_levels_learn_averages(size):
    torch.manual_seed(0)
    fractions = torch.rand(1, 25, *size).softmax(dim=1)
    left = torch.rand(1, *size)
    coarse = torch.zeros(1, 25, *(-(-n // 2) for n in size))
    for index in torch.cartesian_prod(*(torch.arange(n) for n in coarse.shape[2:])):
        cell = tuple(slice(2 * i, 2 * i + 2) for i in index.tolist())
        coarse[(0, slice(None), *index)] = fractions[0][(slice(None), *cell)].flatten(1).mean(dim=1)
    weights = LossWeights(dice=1, side=0, levels=BOTH)
    outputs = [logits_of(fractions), logits_of(coarse)]
    best = segmentation_loss(outputs, fractions, left, weights)
    entropies = [-(x * x.log()).sum(dim=1).mean() for x in (fractions, coarse)]
    assert best == pytest.approx(float(entropies[0] * 2 + entropies[1]) / 3, abs=1e-4)


def test_gradients_reach_every_level_and_point_to_the_truth():
    torch.manual_seed(0)
    fractions, left = box(size=(4, 4, 4), left=1.0, hippocampus=0.5, csf=0.5)
    outputs = [torch.randn(1, 26, n, n, n, requires_grad=True) for n in (4, 2, 1)]
    segmentation_loss(outputs, fractions, left).backward()
    for logits in outputs:
        assert (logits.grad[:, -1] < 0).all()  # towards left
        assert (logits.grad[:, [CSF, HIPPOCAMPUS]].sum(dim=1) < 0).all()
    assert all(torch.isfinite(logits.grad).all() for logits in outputs)


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(0)
    fractions = torch.randn(2, 25, 2, 3, 2, dtype=torch.double).mul(3).softmax(dim=1)
    left = torch.rand(2, 2, 3, 2, dtype=torch.double)
    outputs = [torch.randn(2, 26, *size, dtype=torch.double) for size in ((2, 3, 2), (1, 2, 1))]
    weights = LossWeights(rarity=0.3, levels=BOTH)

    def loss(*logits):
        return segmentation_loss(logits, fractions, left, weights)

    assert torch.autograd.gradcheck(loss, [logits.requires_grad_() for logits in outputs])


def test_nothing_but_background_is_finite():
    fractions, left = box()
    logits = torch.randn(1, 26, 2, 3, 4, requires_grad=True)
    loss = segmentation_loss([logits], fractions, left)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()
