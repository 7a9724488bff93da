import numpy as np
import pytest

from neurofm_bids.pretrain.synthesis.appearance import ideal_image
from neurofm_bids.pretrain.synthesis.population import draw_person
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields
from neurofm_bids.pretrain.synthesis.skull_stripping import STYLES, draw_mask


@pytest.fixture(scope="module")
def head(shape):
    rng = RandomFields((3, 1))
    return ideal_image(shape, draw_person(rng), rng)


def test_styles_keep_less_and_less(shape, head):
    kept = {}
    for style in STYLES:
        masks = [draw_mask(shape, head, RandomFields((n, 4)), style) for n in range(8)]
        assert {drawn for _, drawn in masks} == {style}
        kept[style] = np.mean([float(mask.sum()) for mask, _ in masks])
    assert kept["ragged"] > kept["cranium"] > kept["tight"] > max(kept["tissue"], kept["thresholded"])


@pytest.mark.parametrize("seed", range(4))
def test_a_threshold_cuts_the_dim_border_of_the_brain(shape, head, seed):
    mask, _ = draw_mask(shape, head, RandomFields((seed, 5)), "thresholded")
    brain = shape.brain > 0.5
    cut = brain & (mask == 0)
    assert 0.003 < float(cut.sum() / brain.sum()) < 0.4
    assert float(head[cut].mean()) < 0.8 * float(head[brain & (mask > 0)].mean())
    assert not (mask[(shape.cranium <= 0) & (shape.brain == 0)] > 0).any()
