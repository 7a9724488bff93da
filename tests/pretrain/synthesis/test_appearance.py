import numpy as np

from neurofm_bids.pretrain.synthesis.appearance import ideal_image
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields


def test_hidden_csf_darkens_tissue_without_changing_the_target(person, shape):
    cortex = (shape.brain > 0.95) & (shape.core < -0.5) & (shape.outer > 2)
    near, far = cortex & (shape.sulcus < 1), cortex & (shape.sulcus > 2.5)
    assert near.sum() > 20
    images = [ideal_image(shape, person, RandomFields((6, n))) for n in range(8)]
    ratios = [float(image[near].mean() / image[far].mean()) for image in images]
    assert np.mean(ratios) < 0.97
