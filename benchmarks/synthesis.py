"""Time synthesis on the lattice and a step of training, in turn on the same machine.

Usage: python benchmarks/synthesis.py MAPS CACHE [SAMPLES]

Printed: seconds to read a map at points, with ``grid_sample`` and as it is done; samples per second with one
process per processor, processor seconds per sample, processor seconds of training per sample, and the share
of synthesis in them when each sample is shown as often as by default.
"""

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from torch.nn.functional import grid_sample

from neurofm_bids.pretrain.anatomy import load_anatomies
from neurofm_bids.pretrain.processes import Team
from neurofm_bids.pretrain.recipe import Recipe
from neurofm_bids.pretrain.samples import SampleStore, Schedule
from neurofm_bids.pretrain.sampling import Sampler
from neurofm_bids.pretrain.synthesis import synthesize
from neurofm_bids.pretrain.training import Training


def make(call):
    anatomies, seed, indices = call
    torch.set_num_threads(1)
    synthesize(anatomies, seed, indices[0])  # maps are read from disk once
    began = time.process_time(), time.perf_counter()
    for index in indices:
        synthesize(anatomies, seed, index)
    return time.process_time() - began[0], time.perf_counter() - began[1]


def compare_reading(anatomy):
    """Return seconds of grid_sample and of Sampler for all fields at a lattice of points, best of three."""
    shape, size = anatomy.tissues.shape, (84, 88, 100)
    lines = [torch.linspace(5, n - 6, m) for n, m in zip(shape, size, strict=True)]
    points = torch.stack(torch.meshgrid(*lines, indexing="ij"))
    grid = (2 * points / (torch.tensor(shape)[:, None, None, None] - 1) - 1).flip(0).movedim(0, -1)[None]
    fields = torch.from_numpy(anatomy.fields)
    moved = fields.movedim(-1, 0)[None].contiguous()
    spent = []
    for read in (
        lambda: grid_sample(moved, grid.contiguous(), padding_mode="border", align_corners=True),
        lambda: Sampler(points, shape).read(fields),
    ):
        seconds = []
        for _ in range(3):
            began = time.process_time()
            read()
            seconds.append(time.process_time() - began)
        spent.append(min(seconds))
    return spent


def main():
    maps, cache = Path(sys.argv[1]), Path(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 40
    anatomies, cores = load_anatomies(maps, cache), len(os.sched_getaffinity(0))
    torch.set_num_threads(1)
    old, new = compare_reading(anatomies[0])
    print(f"reading a map: grid_sample {old:.3f} CPU s, Sampler {new:.3f} CPU s, {old / new:.1f} times")
    parts = [(anatomies, 5, range(core, count, cores)) for core in range(cores)]
    with ProcessPoolExecutor(cores, mp_context=get_context("forkserver")) as pool:
        spent = list(pool.map(make, parts))
    cpu = sum(c for c, _ in spent) / count
    rate = count / max(w for _, w in spent)
    print(f"synthesis: {rate:.1f} samples/s on {cores} cores, {cpu:.3f} CPU s each")
    items = [SampleStore(anatomies, Schedule(5), range(8), None)[n] for n in range(8)]
    training = Training(Recipe(), Team(torch.device("cpu")))
    training.calibrate(items[:2])
    training.step(items[:4])
    began = time.process_time()
    for first in (0, 4, 0, 4):
        training.step(items[first : first + 4])
    step = (time.process_time() - began) / 16
    passes = Recipe().passes
    share = cpu / passes / (cpu / passes + step)
    print(f"training: {step:.3f} CPU s per sample, synthesis {100 * share:.0f} % with {passes} passes")


if __name__ == "__main__":
    main()
