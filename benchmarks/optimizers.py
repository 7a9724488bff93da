"""Compare optimisers of the training of features: the same first steps with each, from the same weights.

Usage: python benchmarks/optimizers.py MAPS[:MAPS] CACHE SAMPLES OPTIMIZER=RATE [OPTIMIZER=RATE ...]

SAMPLES keeps the samples, so that every run of this script sees the same. Printed: the mean loss of each ten
steps on new samples, 16 per step, with the learning rate reached after ten steps.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from neurofm_bids.pretrain.anatomy.cache import load_anatomies
from neurofm_bids.pretrain.training.data import ExampleDataset, SampleOrder
from neurofm_bids.pretrain.training.distributed import ProcessGroup
from neurofm_bids.pretrain.training.features import FeatureObjective
from neurofm_bids.pretrain.training.recipe import Recipe
from neurofm_bids.pretrain.training.trainer import Trainer

STEPS, BATCH = 30, 16


def dataset(maps, cache, samples):
    recipe = Recipe()
    anatomies = load_anatomies(maps, cache)
    order = SampleOrder(recipe.seed, 2, STEPS * BATCH)
    samples.mkdir(exist_ok=True)
    return ExampleDataset(FeatureObjective(recipe), anatomies, order, range(STEPS * BATCH), samples)


def losses(call):
    """Return the loss of each step with an optimiser."""
    maps, cache, samples, name, rate = call
    torch.set_num_threads(1)
    recipe = Recipe(batch_size=BATCH, learning_rate=rate, optimizer=name, warmup_steps=10, steps=10**6)
    examples, objective = dataset(maps, cache, samples), FeatureObjective(recipe)
    trainer = Trainer(recipe, objective, ProcessGroup(torch.device("cpu")))
    trainer.start([examples[number] for number in range(recipe.calibration_samples)])
    steps = range(0, STEPS * BATCH, BATCH)
    return [trainer.step([examples[first + n] for n in range(BATCH)]) for first in steps]


def main():
    maps, cache, samples, *given = sys.argv[1:]
    folders = tuple(map(Path, maps.split(os.pathsep)))
    load_anatomies(folders, Path(cache))
    calls = [(folders, Path(cache), Path(samples), *text.split("=")) for text in given]
    calls = [(*call[:-1], float(call[-1])) for call in calls]
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("forkserver")) as pool:
        found = list(pool.map(losses, calls))
    print(f"| steps | {' | '.join(given)} |\n|{' --- |' * (len(given) + 1)}")
    for first in range(0, STEPS, 10):
        cells = " | ".join(f"{np.mean(values[first : first + 10]):.1f}" for values in found)
        print(f"| {first + 1}-{first + 10} | {cells} |")


if __name__ == "__main__":
    main()
