import pytest
import torch

from neurofm_bids.pretrain.synthesis.generator import generate_sample
from neurofm_bids.pretrain.training.data import (
    CELLS,
    ExampleDataset,
    SampleOrder,
    cell_means,
    load_examples,
    remove_finished_samples,
    whole_lattice,
)


def test_each_sample_is_used_once_in_every_pass():
    order = SampleOrder(3, passes=3, round_size=10)
    indices = [order.sample(position) for position in range(60)]
    assert sorted(indices[:30]) == sorted(list(range(10)) * 3)
    assert sorted(indices[:10]) == list(range(10))
    assert indices[:10] != indices[10:20]
    assert set(indices[30:]) == set(range(10, 20))


@pytest.mark.parametrize("cells", CELLS)
def test_cells_hold_all_of_the_brain(anatomies, cells):
    shape = generate_sample(anatomies, 1, 2).image.shape
    means = cell_means(torch.stack([shape.brain, shape.ventricles, shape.csf]), shape.start, cells)
    assert means.shape == (3, cells, cells, cells)
    millilitres = means.double().sum(dim=(1, 2, 3)) * (256 / cells) ** 3 / 1000
    assert float(millilitres[0]) == pytest.approx(shape.volume_ml(shape.brain), rel=1e-4)
    assert float(millilitres[1]) == pytest.approx(shape.volume_ml(shape.ventricles), rel=1e-4)


def test_the_whole_lattice_holds_the_box_in_its_place(examples):
    example = examples[0]
    lattice = whole_lattice(example)
    box = tuple(slice(s, s + n) for s, n in zip(example.start, example.box.shape, strict=True))
    assert lattice.shape == (128, 128, 128)
    assert torch.equal(lattice[box], example.box)
    lattice[box] = example.background
    assert torch.equal(lattice, example.background.expand_as(lattice))


def test_examples_do_not_depend_on_the_process_that_generates_them(anatomies, tmp_path):
    results = []
    for workers in (0, 1):
        folder = tmp_path / str(workers)
        folder.mkdir()
        dataset = ExampleDataset(anatomies, SampleOrder(1, passes=2, round_size=2), range(2), folder)
        results.append(list(load_examples(dataset, workers)))
    for one, two in zip(*results, strict=True):
        assert torch.equal(one.box, two.box)
        assert torch.equal(one.brain_ml, two.brain_ml)


def test_samples_are_kept_for_later_passes(anatomies, tmp_path, monkeypatch):
    dataset = ExampleDataset(anatomies, SampleOrder(1, passes=2, round_size=1), range(2), tmp_path)
    first = dataset[0]
    monkeypatch.setattr("neurofm_bids.pretrain.training.data.generate_sample", None)
    second = dataset[1]
    assert torch.equal(first.box, second.box)
    assert all(torch.equal(one, two) for one, two in zip(first.cells, second.cells, strict=True))


def test_samples_of_finished_rounds_are_removed(tmp_path):
    for index in range(6):
        (tmp_path / f"9-{index}.npz").touch()
    (tmp_path / "9-1.77").touch()
    remove_finished_samples(tmp_path, SampleOrder(9, passes=2, round_size=2), position=9)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["9-4.npz", "9-5.npz"]
