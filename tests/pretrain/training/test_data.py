import torch

from neurofm_bids.pretrain.training.data import (
    ExampleDataset,
    SampleOrder,
    load_examples,
    remove_finished_samples,
)
from neurofm_bids.pretrain.training.features import FeatureObjective
from neurofm_bids.pretrain.training.recipe import Recipe

OBJECTIVE = FeatureObjective(Recipe())


def test_each_sample_is_used_once_in_every_pass():
    order = SampleOrder(3, passes=3, round_size=10)
    indices = [order.sample(position) for position in range(60)]
    assert sorted(indices[:30]) == sorted(list(range(10)) * 3)
    assert sorted(indices[:10]) == list(range(10))
    assert indices[:10] != indices[10:20]
    assert set(indices[30:]) == set(range(10, 20))


def test_examples_do_not_depend_on_the_process_that_generates_them(anatomies, tmp_path):
    results = []
    for workers in (0, 1):
        folder = tmp_path / str(workers)
        folder.mkdir()
        dataset = ExampleDataset(
            OBJECTIVE, anatomies, SampleOrder(1, passes=2, round_size=2), range(2), folder
        )
        results.append(list(load_examples(dataset, workers)))
    for one, two in zip(*results, strict=True):
        assert torch.equal(one.box, two.box)
        assert torch.equal(one.brain_ml, two.brain_ml)


def test_samples_are_kept_for_later_passes(anatomies, tmp_path, monkeypatch):
    dataset = ExampleDataset(OBJECTIVE, anatomies, SampleOrder(1, passes=2, round_size=1), range(2), tmp_path)
    first = dataset[0]
    monkeypatch.setattr("neurofm_bids.pretrain.training.data.generate_sample", None)
    second = dataset[1]
    assert torch.equal(first.box, second.box)
    assert torch.equal(first.cells, second.cells)
    assert torch.equal(first.regions, second.regions)


def test_samples_of_finished_rounds_are_removed(tmp_path):
    for index in range(6):
        (tmp_path / f"9-{index}.npz").touch()
    (tmp_path / "9-1.77").touch()
    remove_finished_samples(tmp_path, SampleOrder(9, passes=2, round_size=2), position=9)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["9-4.npz", "9-5.npz"]
