import torch
from torch.nn.functional import grid_sample

from neurofm_bids.pretrain.synthesis.interpolation import Interpolator


def test_interpolation_is_linear_and_extends_the_faces():
    generator = torch.Generator().manual_seed(0)
    volume = torch.rand((7, 6, 9, 3), generator=generator)
    shape = torch.tensor(volume.shape[:3])[:, None, None, None]
    points = torch.rand((3, 4, 5, 6), generator=generator) * (shape + 2) - 1.5  # some outside
    grid = (2 * points / (shape - 1) - 1).flip(0).movedim(0, -1)[None]
    expected = grid_sample(volume.movedim(-1, 0)[None], grid, padding_mode="border", align_corners=True)[0]
    interpolator = Interpolator(points, volume.shape[:3])
    assert torch.allclose(interpolator.interpolate(volume), expected, atol=4e-3)  # faces: 0.001 voxels inside
    labels = torch.randint(0, 3, volume.shape[:3], generator=generator, dtype=torch.uint8)
    values = torch.tensor([[0.5, 1.0], [2.0, 0.0], [-1.0, 0.5]])
    expected = interpolator.interpolate(values[labels.int()])
    assert torch.allclose(interpolator.interpolate_labels(labels, values), expected, atol=1e-6)
    some = torch.tensor([0, 7, 119, 31])
    around, weights = interpolator.label_weights(labels, some)
    assert (around.shape, weights.shape) == ((4, 8), (4, 8))
    at_some = (values[around.int()] * weights[..., None]).sum(dim=1)
    assert torch.allclose(at_some, expected.flatten(1)[:, some].T, atol=1e-6)


def test_the_nearest_label_is_that_of_the_nearest_voxel():
    labels = torch.arange(5 * 6 * 7, dtype=torch.uint8).view(5, 6, 7)
    points = torch.tensor([[0.4, 3.6, -2.0], [1.6, 4.9, 2.2], [2.4, 0.1, 9.0]])[:, None, None]
    nearest = Interpolator(points, labels.shape).nearest_labels(labels, torch.arange(3))
    assert nearest.tolist() == [int(labels[0, 2, 2]), int(labels[4, 5, 0]), int(labels[0, 2, 6])]
