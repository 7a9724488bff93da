import numpy as np

from neurofm_bids.pretrain.synthesis.random_fields import RandomFields
from neurofm_bids.pretrain.synthesis.skull_stripping import STYLES, draw_mask


def test_styles_keep_less_and_less(shape):
    kept = {}
    for style in STYLES:
        masks = [draw_mask(shape, RandomFields((n, 4)), style) for n in range(8)]
        assert {drawn for _, drawn in masks} == {style}
        kept[style] = np.mean([float(mask.sum()) for mask, _ in masks])
    assert kept["ragged"] > kept["cranium"] > kept["tight"] > kept["tissue"]
