from neurofm_bids.pretrain.synthesis.appearance import ideal_image
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields


def test_hidden_csf_darkens_tissue_without_changing_the_target(anatomies, person, shape):
    image = ideal_image(shape, anatomies[0], person, RandomFields((6, 7)))
    cortex = (shape.brain > 0.95) & (shape.core < -0.5) & (shape.outer > 2)
    near, far = cortex & (shape.sulcus < 1), cortex & (shape.sulcus > 2.5)
    assert near.sum() > 20
    assert float(image[near].mean()) < 0.97 * float(image[far].mean())
