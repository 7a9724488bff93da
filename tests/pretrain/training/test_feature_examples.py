import pytest
import torch

from neurofm_bids.pretrain.synthesis.generator import generate_sample
from neurofm_bids.pretrain.synthesis.truth import region_volumes_ml, structure_fractions
from neurofm_bids.pretrain.training.feature_examples import (
    ACQUISITION,
    CELLS,
    cell_means,
    feature_arrays,
    feature_example,
    region_cells,
    whole_lattice,
)


@pytest.mark.parametrize("cells", CELLS)
def test_cells_hold_all_of_the_brain(anatomies, cells):
    shape = generate_sample(anatomies, 1, 2).image.shape
    means = cell_means(torch.stack([shape.brain, shape.ventricles, shape.csf]), shape.start, cells)
    assert means.shape == (3, cells, cells, cells)
    millilitres = means.double().sum(dim=(1, 2, 3)) * (256 / cells) ** 3 / 1000
    assert float(millilitres[0]) == pytest.approx(shape.volume_ml(shape.brain), rel=1e-4)
    assert float(millilitres[1]) == pytest.approx(shape.volume_ml(shape.ventricles), rel=1e-4)


@pytest.mark.parametrize("start", [(0, 0, 0), (31, 6, 63), (108, 90, 119), (124, 50, 3)])
@pytest.mark.parametrize("cells", CELLS)
def test_cells_are_means_around_the_voxels_of_their_map(start, cells):
    torch.manual_seed(0)
    box = torch.rand(2, *(min(37, 128 - s) for s in start))
    spacing = 128 // cells
    whole = torch.zeros(2, *[128 + spacing] * 3)
    low = [s + spacing // 2 for s in start]
    whole[(slice(None), *(slice(s, s + n) for s, n in zip(low, box.shape[1:], strict=True)))] = box
    blocks = whole.unfold(1, spacing, spacing).unfold(2, spacing, spacing).unfold(3, spacing, spacing)
    means = blocks.mean(dim=(4, 5, 6))[:, :cells, :cells, :cells]
    assert torch.allclose(cell_means(box, start, cells), means, atol=1e-6)


def test_regions_in_cells_add_up_to_their_volumes(anatomies):
    for index in range(4):  # some are mirrored
        shape = generate_sample(anatomies, 1, index).image.shape
        for means in region_cells(shape):
            volumes = means.double().sum(dim=(1, 2, 3)) * (256 / means.shape[-1]) ** 3 / 1000
            assert volumes.numpy() == pytest.approx(region_volumes_ml(shape), rel=1e-4, abs=1e-3)


def test_structures_in_cells_are_means_of_their_fractions(anatomies):
    sample = generate_sample(anatomies, 1, 2)
    example, shape = feature_example(feature_arrays(sample)), sample.image.shape
    fractions = structure_fractions(shape, (slice(None),) * 3)
    for found, cells in zip(example.structures, CELLS[:-1], strict=True):
        assert torch.allclose(found.sum(dim=0), torch.ones(cells, cells, cells), atol=0.02)
        wanted = cell_means(fractions, shape.start, cells)
        # they differ where ventricles overlap tissue
        assert float((found[1:] - wanted[1:]).abs().mean()) < 2e-3


def test_the_acquisition_is_in_units_of_usual_values(anatomies):
    sample = generate_sample(anatomies, 1, 3)
    example, acquisition = feature_example(feature_arrays(sample)), sample.image.acquisition
    known = dict(zip(ACQUISITION, example.acquisition.tolist(), strict=True))
    assert known["noise_sd"] == pytest.approx(acquisition.noise_sd / ACQUISITION["noise_sd"], rel=1e-5)
    assert known["blur_mm"] == pytest.approx(sum(acquisition.blur_mm) / 3 / ACQUISITION["blur_mm"], rel=1e-5)


def test_the_whole_lattice_holds_the_box_in_its_place(examples):
    example = examples[0]
    lattice = whole_lattice(example)
    box = tuple(slice(s, s + n) for s, n in zip(example.start, example.box.shape, strict=True))
    assert lattice.shape == (128, 128, 128)
    assert torch.equal(lattice[box], example.box)
    lattice[box] = example.background
    assert torch.equal(lattice, example.background.expand_as(lattice))


@pytest.mark.parametrize("known", [True, False])
def test_an_example_holds_what_is_known_of_its_sample(anatomies, known):
    samples = (generate_sample(anatomies, 1, index) for index in range(20))
    sample = next(s for s in samples if (s.image.person.age_years is not None) == known)
    example, person, shape = feature_example(feature_arrays(sample)), sample.image.person, sample.image.shape
    assert torch.allclose(example.box, sample.box, atol=5e-3)  # kept in half precision
    assert example.start == sample.start
    assert float(example.brain_ml) == pytest.approx(shape.volume_ml(shape.brain), rel=1e-6)
    assert float(example.lateral_ml) == pytest.approx(shape.volume_ml(shape.ventricles), rel=1e-6)
    if known:
        assert float(example.age_years) == pytest.approx(person.age_years, rel=1e-6)
        assert float(example.sex) == (person.sex == "M")
    else:
        assert example.age_years.isnan()
        assert example.sex.isnan()


def test_an_example_moves_to_a_device_as_a_whole(examples):
    moved = examples[0].to(torch.device("meta"))
    tensors = (moved.box, moved.background, moved.brain_ml, moved.sex, moved.cells, *moved.structures)
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert moved.start == examples[0].start
