import numpy as np
import pytest
import torch

from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields
from neurofm_bids.pretrain.synthesis.shape import make_shape, occupancy
from neurofm_bids.pretrain.synthesis.truth import region_volumes_ml, structure_fractions
from tests.pretrain.people import person_like

WHOLE = (slice(None),) * 3
MIRRORED = {2: False, 3: True}  # by seed


@pytest.fixture
def no_random_fields(monkeypatch):
    """Leave out the warp and random growth, which change regions beside what a person says."""
    monkeypatch.setattr(
        RandomFields, "smooth_field", lambda _, size, knots, channels=1: torch.zeros((channels, *size))
    )


def volumes(shape):
    return dict(zip((r.name for r in REGIONS), region_volumes_ml(shape), strict=True))


@pytest.mark.parametrize("seed", MIRRORED)
@pytest.mark.parametrize(
    "factors",
    [
        {},
        {"lateral_ventricle": 2.0},
        {"left_thalamus": 1.4, "right_thalamus": 0.7},
        {"frontal_cortex": 0.85, "occipital_cortex": 0.8, "temporal_cortex": 0.9},
        {"left_cerebellar_cortex": 1.2, "brainstem": 0.8},
        {"corpus_callosum": 1.5, "third_ventricle": 2.0},
    ],
    ids=lambda factors: " ".join(factors) or "as the map",
)
def test_regions_have_the_volumes_of_the_person(anatomies, no_random_fields, seed, factors):
    person = person_like(anatomies[0], **factors)
    shape = make_shape(anatomies[0], person, RandomFields((seed, 2)))
    assert shape.is_mirrored == MIRRORED[seed]
    for region, ml, wanted in zip(REGIONS, region_volumes_ml(shape), person.region_mm3, strict=True):
        if wanted > 1000:  # smaller ones are narrower than the grid of growth
            assert ml == pytest.approx(wanted / 1000, rel=0.055), region.name
    assert shape.volume_ml(shape.brain) == pytest.approx(person.brain_ml, rel=0.005)
    assert shape.volume_ml(shape.ventricles) == pytest.approx(person.lateral_ml, rel=0.005)


def test_ventricles_push_what_is_around_them(anatomies, no_random_fields):
    shapes = [
        make_shape(anatomies[0], person_like(anatomies[0], lateral_ventricle=f), RandomFields((2, 2)))
        for f in (1, 2)
    ]
    before, after = map(volumes, shapes)
    assert after["left_lateral_ventricle"] == pytest.approx(2 * before["left_lateral_ventricle"], rel=0.03)
    for name in ("left_thalamus", "right_thalamus", "left_white_matter", "right_white_matter"):
        assert after[name] == pytest.approx(before[name], rel=0.03), name
    number = [s.name for s in STRUCTURES].index("thalamus") + 2
    heights = []
    for shape in shapes:
        thalamus = structure_fractions(shape, WHOLE)[number].sum(dim=(0, 2))
        heights.append(float((thalamus * torch.arange(len(thalamus))).sum() / thalamus.sum()))
    assert heights[1] - heights[0] > 0.3  # voxels downwards: the ventricles lie above the thalamus


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_lattice_points_do_not_fold(anatomies, seed):
    anatomy = anatomies[0]
    person = person_like(anatomy, lateral_ventricle=4.0, thalamus=0.6, brainstem=1.4)
    shape = make_shape(anatomy, person, RandomFields((seed, 2)))
    size = torch.tensor(anatomy.fields.shape[:3])[:, None, None, None]
    points = shape.points
    d, h, w = (n - 1 for n in shape.size)
    columns = [torch.diff(points, dim=axis)[:, :d, :h, :w] for axis in (1, 2, 3)]
    determinants = torch.linalg.det(torch.stack(columns).permute(2, 3, 4, 0, 1))
    inside = ((points > 2) & (points < size - 3)).all(dim=0)[:d, :h, :w]  # the label map
    assert inside.float().mean() > 0.7
    assert (determinants[inside] * (-1 if shape.is_mirrored else 1)).min() > 0


@pytest.mark.slow
def test_regions_of_a_cohort_follow_its_people(anatomies):
    """With all random fields, which scatter the regions around what the people say."""
    rng, rows = np.random.default_rng(0), []
    for seed in range(60):
        factors = {r.name: np.exp(0.2 * rng.normal()) for r in REGIONS}
        person = person_like(anatomies[0], **factors)
        shape = make_shape(anatomies[0], person, RandomFields((seed, 7)))
        rows.append((region_volumes_ml(shape), np.array(person.region_mm3) / 1000))
    measured, wanted = np.moveaxis(np.array(rows), 1, 0)
    for number, region in enumerate(REGIONS):
        if wanted[:, number].min() > 2:
            logs = np.log(measured[:, number]), np.log(wanted[:, number])
            assert np.mean(logs[0] - logs[1]) == pytest.approx(0, abs=0.05), region.name
            assert np.corrcoef(*logs)[0, 1] > 0.75, region.name


def test_tissue_and_ventricles_do_not_overlap(shape):
    assert float((shape.brain + shape.ventricles).max()) <= 1
    assert float(shape.csf.min()) >= 0


def test_occupancy_measures_a_ball_on_the_lattice():
    points = torch.stack(torch.meshgrid(*[torch.arange(-30.0, 31, 2)] * 3, indexing="ij")) + 0.7
    inside = occupancy(20 - points.square().sum(0).sqrt(), 2)
    assert float(inside.sum()) * 8 == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.003)
