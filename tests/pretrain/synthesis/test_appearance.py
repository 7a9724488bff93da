import numpy as np
import torch

from neurofm_bids.anatomy.regions import REGIONS
from neurofm_bids.pretrain.synthesis.appearance import ideal_image
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields


def test_hidden_csf_darkens_tissue_without_changing_the_target(person, shape):
    cortex = (shape.brain > 0.95) & (shape.core < -0.5) & (shape.outer > 2)
    near, far = cortex & (shape.sulcus < 1), cortex & (shape.sulcus > 2.5)
    assert near.sum() > 20
    images = [ideal_image(shape, person, RandomFields((6, n))) for n in range(8)]
    ratios = [float(image[near].mean() / image[far].mean()) for image in images]
    assert np.mean(ratios) < 0.97


def test_the_thalamus_is_darker_next_to_the_ventricles(person, shape):
    thalamus = [number for number, region in enumerate(REGIONS, 1) if region.name.endswith("thalamus")]
    labels = torch.from_numpy(np.isin(np.asarray(shape.anatomy.labels["core"]), thalamus)).float()
    inside = shape.interpolator.interpolate(labels[..., None])[0] > 0.99
    depth = torch.maximum(shape.lateral, shape.others)
    near, far = inside & (depth > -4) & (depth < -2), inside & (depth < -8)
    assert min(near.sum(), far.sum()) > 20
    images = [ideal_image(shape, person, RandomFields((6, n))) for n in range(8)]
    ratios = [float(image[near].mean() / image[far].mean()) for image in images]
    assert np.mean(ratios) < 0.97
