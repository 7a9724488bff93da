"""Time the synthesis on the lattice and a training step, one after the other.

Usage: python benchmarks/synthesis.py MAPS[:MAPS] CACHE [SAMPLES]

Printed: CPU seconds to interpolate the fields of a label map, with ``grid_sample`` and with ``Interpolator``;
samples per second with one process per core; CPU seconds per sample of synthesis and of training; and the
share of synthesis in the total with the default number of passes.
"""

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from torch.nn.functional import grid_sample

from neurofm_bids.pretrain.anatomy.cache import load_anatomies
from neurofm_bids.pretrain.synthesis.generator import generate_sample
from neurofm_bids.pretrain.synthesis.interpolation import Interpolator
from neurofm_bids.pretrain.training.data import ExampleDataset, SampleOrder
from neurofm_bids.pretrain.training.distributed import ProcessGroup
from neurofm_bids.pretrain.training.features import FeatureObjective
from neurofm_bids.pretrain.training.recipe import Recipe
from neurofm_bids.pretrain.training.trainer import Trainer


def generate(call):
    anatomies, seed, indices = call
    torch.set_num_threads(1)
    for index in indices:  # label maps are read from disk once
        generate_sample(anatomies, seed, index)
    began = time.process_time(), time.perf_counter()
    for index in indices:
        generate_sample(anatomies, seed, index)
    return time.process_time() - began[0], time.perf_counter() - began[1]


def compare_interpolation(anatomy):
    """Return CPU seconds of grid_sample and of Interpolator for all fields, best of three."""
    shape, size = anatomy.fields.shape[:3], (84, 88, 100)
    lines = [torch.linspace(5, n - 6, m) for n, m in zip(shape, size, strict=True)]
    points = torch.stack(torch.meshgrid(*lines, indexing="ij"))
    grid = (2 * points / (torch.tensor(shape)[:, None, None, None] - 1) - 1).flip(0).movedim(0, -1)[None]
    fields = torch.from_numpy(anatomy.fields)
    moved = fields.movedim(-1, 0)[None].contiguous()
    spent = []
    for interpolate in (
        lambda: grid_sample(moved, grid.contiguous(), padding_mode="border", align_corners=True),
        lambda: Interpolator(points, shape).interpolate(fields),
    ):
        seconds = []
        for _ in range(3):
            began = time.process_time()
            interpolate()
            seconds.append(time.process_time() - began)
        spent.append(min(seconds))
    return spent


def main():
    maps, cache = tuple(map(Path, sys.argv[1].split(os.pathsep))), Path(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 40
    anatomies, cores = load_anatomies(maps, cache), len(os.sched_getaffinity(0))
    torch.set_num_threads(1)
    old, new = compare_interpolation(anatomies[0])
    print(f"interpolation: grid_sample {old:.3f} CPU s, Interpolator {new:.3f} CPU s, {old / new:.1f} times")
    parts = [(anatomies, 5, range(core, count, cores)) for core in range(cores)]
    with ProcessPoolExecutor(cores, mp_context=get_context("forkserver")) as pool:
        spent = list(pool.map(generate, parts))
    cpu = sum(c for c, _ in spent) / count
    rate = count / max(w for _, w in spent)
    print(f"synthesis: {rate:.1f} samples/s on {cores} cores, {cpu:.3f} CPU s each")
    objective = FeatureObjective(Recipe())
    dataset = ExampleDataset(objective, anatomies, SampleOrder(5), range(8), None)
    examples = [dataset[n] for n in range(8)]
    trainer = Trainer(Recipe(), objective, ProcessGroup(torch.device("cpu")))
    trainer.start(examples[:2])
    trainer.step(examples[:4])
    began = time.process_time()
    for first in (0, 4, 0, 4):
        trainer.step(examples[first : first + 4])
    step = (time.process_time() - began) / 16
    passes = Recipe().passes
    share = cpu / passes / (cpu / passes + step)
    print(f"training: {step:.3f} CPU s per sample, synthesis {100 * share:.0f} % with {passes} passes")


if __name__ == "__main__":
    main()
