import numpy as np
import pytest
import torch

from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields
from neurofm_bids.pretrain.synthesis.shape import make_shape, occupancy
from neurofm_bids.pretrain.synthesis.truth import left_side, region_volumes_ml, structure_fractions
from tests.pretrain.people import person_like

WHOLE = (slice(None),) * 3
THALAMUS = [s.name for s in STRUCTURES].index("thalamus")


@pytest.fixture(scope="module", params=[2, 3], ids=["as the map", "mirrored"])
def lopsided(anatomies, request):
    """A person with a large left and a small right thalamus."""
    person = person_like(anatomies[0], left_thalamus=1.5, right_thalamus=0.7)
    shape = make_shape(anatomies[0], person, RandomFields((request.param, 2)))
    assert shape.is_mirrored == (request.param == 3)
    return shape


def test_fractions_sum_to_one_and_to_the_targets(shape):
    fractions = structure_fractions(shape, WHOLE)
    assert fractions.shape == (len(STRUCTURES) + 2, *shape.size)
    assert torch.allclose(fractions.sum(dim=0), torch.ones(shape.size), atol=1e-5)
    assert float(fractions.min()) >= 0
    tissue = [n for n, s in enumerate(STRUCTURES, 2) if s.kind != "ventricle"]
    assert torch.allclose(fractions[tissue].sum(dim=0), shape.brain, atol=1e-5)
    cavity = occupancy(shape.cranium, shape.step_mm)
    inside = cavity >= shape.brain + shape.ventricles
    assert torch.allclose(1 - fractions[0][inside], cavity[inside], atol=1e-5)


def test_volumes_are_sums_of_fractions(shape):
    fractions = structure_fractions(shape, WHOLE)
    volumes = region_volumes_ml(shape)
    for number, structure in enumerate(STRUCTURES):
        of_regions = sum(v for v, r in zip(volumes, REGIONS, strict=True) if r.structure == number)
        assert of_regions == pytest.approx(shape.volume_ml(fractions[number + 2]), rel=1e-4, abs=1e-4), (
            structure
        )


def test_a_part_holds_what_the_whole_has_there(shape):
    box = (slice(20, 44), slice(24, 40), slice(30, 50))
    assert torch.equal(
        structure_fractions(shape, box), structure_fractions(shape, WHOLE)[(slice(None), *box)]
    )
    assert torch.equal(left_side(shape, box), left_side(shape, WHOLE)[box])


def test_structures_are_the_labels_of_the_map(shape, anatomies):
    """Where the core is deep, the structure is that of the nearest voxel of the label map."""
    table = torch.tensor([-1, *(r.structure for r in REGIONS)])
    labels = torch.from_numpy(np.asarray(anatomies[0].labels["core"]))
    points = torch.arange(shape.brain.numel())
    structures = table[shape.interpolator.nearest_labels(labels, points).long()].view(shape.size)
    deep = (shape.core > 4) & (shape.brain > 0.999)
    largest = structure_fractions(shape, WHOLE).argmax(dim=0) - 2
    assert deep.sum() > 1000
    assert (largest == structures)[deep].float().mean() > 0.98


def test_a_large_left_thalamus_is_large_and_left_in_the_truth(lopsided):
    volumes = dict(zip((r.name for r in REGIONS), region_volumes_ml(lopsided), strict=True))
    assert volumes["left_thalamus"] > 1.6 * volumes["right_thalamus"]
    thalamus = structure_fractions(lopsided, WHOLE)[THALAMUS + 2]
    left = left_side(lopsided, WHOLE)
    assert lopsided.volume_ml(thalamus * left) == pytest.approx(volumes["left_thalamus"], rel=0.03)
    first_axis = torch.arange(lopsided.size[0])[:, None, None].expand(lopsided.size)
    places = [(first_axis * part).sum() / part.sum() for part in (thalamus * left, thalamus * (1 - left))]
    assert places[0] > places[1] + 5  # LIA: the first axis goes to the left


def test_sides_are_one_half_where_there_are_none(shape):
    fractions, left = structure_fractions(shape, WHOLE), left_side(shape, WHOLE)
    brainstem = [s.name for s in STRUCTURES].index("brainstem") + 2
    assert (left[fractions[brainstem] > 0.9] == 0.5).all()
    assert (left[fractions[2:].sum(dim=0) == 0] == 0.5).all()
    white = [s.name for s in STRUCTURES].index("white_matter") + 2
    assert set(left[fractions[white] > 0.9].tolist()) == {0.0, 1.0}
