from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from neurofm_bids.pretrain.settings import Training
from neurofm_bids.pretrain.training.data import ExampleDataset, SampleOrder
from neurofm_bids.pretrain.training.features import FeatureObjective
from neurofm_bids.pretrain.training.recipe import SMOKE, Recipe
from neurofm_bids.pretrain.training.run import train


@pytest.fixture(scope="session")
def examples(anatomies):
    dataset = ExampleDataset(
        FeatureObjective(Recipe()), anatomies, SampleOrder(1, round_size=8), range(2), None
    )
    return [dataset[n] for n in range(2)]


@pytest.fixture(scope="session")
def small_example(examples):
    """A part of the box of an example, quick to learn from."""
    box = examples[0].box[20:52, 20:52, 20:52].contiguous()
    return replace(examples[0], box=box, start=tuple(s + 20 for s in examples[0].start))


@pytest.fixture(scope="session")
def recipe():
    """The smallest training; its third step uses a sample for the second time."""
    sizes = {"steps": 3, "batch_size": 1, "round_size": 2, "passes": 2, "held_out_samples": 1}
    return Recipe(**{**SMOKE, **sizes, "held_out": ("two",), "precision": "float32"})


@pytest.fixture(scope="session")
def initial():
    """Initial weights: the calibration of random ones takes longer than some steps."""
    return Path(str(files("neurofm_bids") / "data" / "weights" / "open-s.safetensors"))


@pytest.fixture(scope="session")
def settings(maps, cache, initial):
    return Training(maps=(maps,), out=Path("RUN"), cache=cache, init=initial, workers=0, every=1)


@pytest.fixture(scope="session")
def run_folder(recipe, settings, tmp_path_factory):
    """The folder of a finished training, to be read only."""
    out = tmp_path_factory.mktemp("run")
    train(recipe, replace(settings, out=out))
    return out
