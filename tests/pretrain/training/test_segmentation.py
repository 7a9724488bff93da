from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import nn

from neurofm_bids.anatomy.intensity import scaled
from neurofm_bids.anatomy.network import CLASSES
from neurofm_bids.anatomy.regions import REGIONS
from neurofm_bids.pretrain.synthesis.generator import generate_sample
from neurofm_bids.pretrain.synthesis.truth import left_side, structure_fractions
from neurofm_bids.pretrain.training.distributed import ProcessGroup
from neurofm_bids.pretrain.training.recipe import ANATOMY, Recipe
from neurofm_bids.pretrain.training.segmentation import SegmentationExample, SegmentationObjective
from neurofm_bids.pretrain.training.trainer import Trainer

RECIPE = Recipe(variant=ANATOMY, warmup_steps=2, learning_rate=2e-3, precision="float32")


@pytest.fixture(scope="module")
def sample(anatomies):
    return generate_sample(anatomies, 1, 0)


@pytest.fixture(scope="module")
def whole(sample):
    objective = SegmentationObjective(RECIPE)
    return objective.example(objective.arrays(sample))


@pytest.fixture(scope="module")
def example(whole):
    """A part of the box with thalamus, ventricles, white matter and cortex, quick to learn from."""
    middle = [n // 2 for n in whole.image.shape]
    part = (..., *(slice(n - 12, n + 12) for n in middle))
    return SegmentationExample(*(getattr(whole, field.name)[part] for field in fields(whole)))


def test_volumes_are_sums_of_fractions_by_side():
    names = [region.name for region in REGIONS]
    classes = torch.zeros(2, 8, 8, 8, dtype=torch.uint8)
    classes[0], classes[1] = CLASSES.index("hippocampus"), CLASSES.index("csf")
    side = torch.full((8, 8, 8), 0.25)
    half = SegmentationExample(torch.ones(8, 8, 8), classes, torch.full((2, 8, 8, 8), 0.5), side)
    volumes = half.volumes_mm3()
    assert volumes[names.index("left_hippocampus")] == pytest.approx(512)
    assert volumes[names.index("right_hippocampus")] == pytest.approx(1536)
    assert volumes[-1] == pytest.approx(2048)
    assert volumes.sum() == pytest.approx(8 * 512)


class Perfect(nn.Module):
    """A network that knows the fractions of an example, times a factor for one class."""

    def __init__(self, example, doubled=None):
        super().__init__()
        probabilities = example.dense().clone()
        if doubled is not None:
            probabilities[CLASSES.index(doubled)] *= 2
        side = torch.zeros(1, *example.image.shape)
        self.logits = nn.Parameter(torch.cat([probabilities.clamp(min=1e-20).log(), side])[None])

    def forward(self, image):
        return [self.logits]


def test_an_example_has_the_image_and_its_truth(sample, whole):
    example, shape = whole, sample.image.shape
    image = scaled(sample.image.image)
    inside = torch.nonzero(image)
    box = tuple(
        slice(int(a), int(b) + 1) for a, b in zip(inside.amin(dim=0), inside.amax(dim=0), strict=True)
    )
    assert example.image.shape == sample.box.shape
    assert torch.allclose(example.image, image[box], atol=1e-3)
    assert torch.equal(example.left, left_side(shape, box))
    truth, dense = structure_fractions(shape, box), example.dense()
    assert dense.shape == (len(CLASSES), *sample.box.shape)
    assert torch.allclose(dense.sum(dim=0), torch.ones_like(example.image), atol=2e-3)
    for name, one, two in zip(CLASSES, dense, truth, strict=True):  # half precision, four classes a voxel
        assert float(one.sum()) == pytest.approx(float(two.sum()), rel=0.002, abs=0.5), name
    assert (dense - truth).abs().max() < 0.15


def test_training_lowers_the_loss_of_its_example(example):
    trainer = Trainer(RECIPE, SegmentationObjective(RECIPE), ProcessGroup(torch.device("cpu")))
    trainer.start([])
    losses = [trainer.step([example]) for _ in range(7)]
    assert np.mean(losses[-2:]) < 0.8 * np.mean(losses[:2])


def test_an_example_moves_to_a_device_as_a_whole(example):
    moved = example.to(torch.device("meta"))
    assert {getattr(moved, name).device.type for name in vars(example)} == {"meta"}
    assert moved.dense().device.type == "meta"


def test_a_network_that_knows_the_truth_has_a_dice_of_one(example):
    row = SegmentationObjective(RECIPE).evaluate(Perfect(example), [example, example])
    assert list(row) == ["dice", *(f"dice_{name}" for name in CLASSES[1:])]
    present = [name for name in CLASSES[1:] if example.dense()[CLASSES.index(name)].max() > 0.5]
    assert len(present) >= 4
    assert row["dice"] == pytest.approx(1, abs=1e-4)
    for name in CLASSES[1:]:
        if name in present:
            assert row[f"dice_{name}"] == pytest.approx(1, abs=1e-4)
        else:
            assert row[f"dice_{name}"] is None


def test_an_error_in_one_class_lowers_its_dice(example):
    network = Perfect(example, doubled="white_matter")
    row = SegmentationObjective(RECIPE).evaluate(network, [example])
    truth = example.dense()
    wrong = truth.clone()
    wrong[CLASSES.index("white_matter")] *= 2
    wrong /= wrong.sum(dim=0)
    one, two = wrong[CLASSES.index("white_matter")], truth[CLASSES.index("white_matter")]
    expected = float(2 * (one * two).sum() / (one.square() + two.square()).sum())
    assert expected < 0.9999
    assert row["dice_white_matter"] == pytest.approx(expected, abs=1e-4)
    assert row["dice"] < 0.99999


def test_held_out_samples_are_at_most_sixteen():
    assert SegmentationObjective(RECIPE).held_out_samples == 16
    assert SegmentationObjective(replace(RECIPE, held_out_samples=2)).held_out_samples == 2
