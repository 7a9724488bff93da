import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from torch.nn.functional import interpolate

from neurofm_bids.anatomy.regions import REGIONS
from neurofm_bids.pretrain.anatomy.label_map import read_label_map
from neurofm_bids.pretrain.anatomy.region_grid import SHELL
from neurofm_bids.pretrain.anatomy.region_map import region_map
from neurofm_bids.pretrain.synthesis.growth import fit_density, growth_flow, read_at

EDGE = 56
PLACES = torch.stack(torch.meshgrid(*[torch.arange(float(EDGE))] * 3, indexing="ij"))


def ball(centre, radius):
    """Return the fractions of cells inside a ball."""
    distance = (PLACES - torch.tensor(centre)[:, None, None, None]).square().sum(dim=0).sqrt()
    return (radius + 0.5 - distance).clamp(0, 1)


def determinants(places):
    """Return the determinants of the Jacobian of a map, (d - 1, h - 1, w - 1)."""
    d, h, w = (n - 1 for n in places.shape[1:])
    columns = [torch.diff(places, dim=axis)[:, :d, :h, :w] for axis in (1, 2, 3)]
    return torch.linalg.det(torch.stack(columns).permute(2, 3, 4, 0, 1))


@pytest.mark.parametrize("log_ratio", [0.7, 0.2, -0.7])
def test_a_ball_grows_by_its_density_and_pushes_its_neighbour(log_ratio):
    density = log_ratio * ball((22.0, 28.0, 28.0), 9)
    displacement, present = growth_flow(density)
    inner, neighbour = ball((22.0, 28.0, 28.0), 7), ball((40.0, 28.0, 28.0), 4)
    grown = read_at(inner[None], PLACES + displacement)[0]
    # The mean of the density is left out, so that the box keeps its volume.
    expected = np.exp(log_ratio - float(density.mean()))
    assert float(grown.sum() / inner.sum()) == pytest.approx(expected, rel=0.02)
    assert float(present[22, 28, 28]) == pytest.approx(log_ratio, abs=1e-4)
    pushed = read_at(neighbour[None], PLACES + displacement)[0]
    assert float(pushed.sum()) == pytest.approx(float(neighbour.sum()), rel=0.02)
    assert determinants(PLACES + displacement).min() > 0


@pytest.mark.parametrize("log_ratio", [0.7, 0.2, -0.7])
@pytest.mark.parametrize("distance", [12, 15])
def test_a_ball_pushes_by_the_volume_that_it_gains(log_ratio, distance):
    """A flow without rotation moves spheres around a ball, by the growth less what the box compensates."""
    density = log_ratio * ball((28.0, 28.0, 28.0), 8)
    displacement, _ = growth_flow(density)
    gained = float(density.expm1().sum()) * (1 / (4 / 3 * np.pi) - distance**3 / EDGE**3)
    came_from = np.cbrt(distance**3 - gained)
    for sign in (1, -1):
        moved = float(displacement[0, 28 + sign * distance, 28, 28]) * sign
        assert moved == pytest.approx(came_from - distance, rel=0.05)


def test_strong_growth_beside_strong_shrinkage_does_not_fold():
    knots = torch.randn((1, 1, 10, 10, 10), generator=torch.Generator().manual_seed(0))
    density = interpolate(knots, size=(EDGE,) * 3, mode="trilinear", align_corners=True)[0, 0]
    assert density.min() < -2.5
    assert density.max() > 2.5
    displacement, _ = growth_flow(density)
    assert displacement.abs().max() > 1
    assert determinants(PLACES + displacement).min() > 0


def test_nothing_moves_without_growth():
    displacement, present = growth_flow(torch.zeros(8, 9, 10))
    assert displacement.shape == (3, 8, 9, 10)
    assert not displacement.any()
    assert not present.any()


def test_fields_are_read_linearly_and_their_faces_go_on():
    places = torch.tensor([[2.5, -3.0], [1.25, 4.0], [7.0, 99.0]])[:, None, None]
    fields = torch.stack(torch.meshgrid(*[torch.arange(float(n)) for n in (6, 7, 9)], indexing="ij"))
    read = read_at(fields, places)[:, 0, 0]
    assert torch.allclose(read, torch.tensor([[2.5, 0.0], [1.25, 4.0], [7.0, 8.0]]), atol=1e-5)


def test_the_density_gives_each_region_its_volume(anatomies, maps):
    arrays = anatomies[0].tensors(torch.device("cpu"))
    ratios = torch.zeros(SHELL + 1)
    wanted = {
        "left_lateral_ventricle": 0.7,
        "left_thalamus": -0.3,
        "right_white_matter": -0.1,
        "brainstem": 0.2,
    }
    for name, value in wanted.items():
        ratios[[r.name for r in REGIONS].index(name)] = value
    density = fit_density(arrays, ratios)
    labels = read_label_map(maps / "one-aparc.nii.gz")
    places = (np.indices(labels.shape) - 1.5) / 4  # centres of the cells of 4 mm
    growth = map_coordinates(density.exp().numpy(), places, order=1, mode="nearest")
    regions = region_map(labels)
    for number, region in enumerate(REGIONS, 1):
        inside = regions == number
        if inside.sum() > 1000:
            assert np.log(growth[inside].mean()) == pytest.approx(wanted.get(region.name, 0), abs=0.02), (
                region
            )


def test_growth_beside_that_of_the_regions_is_compensated_in_their_mean(anatomies):
    arrays = anatomies[0].tensors(torch.device("cpu"))
    extra = torch.linspace(-0.2, 0.2, arrays["fractions"].shape[1])[:, None, None]
    extra = extra.expand(arrays["fractions"].shape[1:])
    density = fit_density(arrays, torch.zeros(SHELL + 1), extra)
    weights = arrays["weights"].flatten(1)
    present = weights.sum(dim=1) > 1000
    ratios = (weights @ density.exp().flatten())[present] / weights.sum(dim=1)[present]
    assert torch.allclose(ratios, torch.ones_like(ratios), atol=0.02)
    assert density.std() > 0.05
