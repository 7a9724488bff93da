"""Time and memory of fitting 20 tasks of mixed kinds to 1,000 scans with 512 features.

    python benchmarks/readouts.py FOLDER [--scans 1000] [--features 512] [--tasks 20] [--processes 2]

Features are simulated: 40 factors with decreasing weights, and noise. Half of the tasks depend on factors,
the others on nothing. FOLDER gets the readouts; an empty one is needed for a measurement. With one process,
the time of the CPU is that of all tasks, whatever else the machine does.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import time
from pathlib import Path

import numpy as np

from neurofm_bids.readouts.batch import Data, fit_tasks
from neurofm_bids.readouts.task import Task
from neurofm_bids.records.columns import feature_columns

KINDS = ("binary", "regression", "multiclass", "ordinal")


def simulated(scans, features, tasks, seed=0):
    """Return the data and the tasks."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(scans, 40))
    loadings = rng.normal(size=(40, features)) / np.arange(1, 41)[:, None] ** 0.5
    values = factors @ loadings + 0.5 * rng.normal(size=(scans, features))
    age = 50 + 10 * factors[:, 0] + 5 * rng.normal(size=scans)
    table = {
        "participant_id": [f"sub-{i:04d}" for i in range(scans)],
        "age": age.tolist(),
        "sex": rng.choice(["F", "M"], scans).tolist(),
    }
    made = []
    for number in range(tasks):
        kind = KINDS[number % 4]
        latent = rng.normal(size=scans) + (number % 8 < 4) * factors[:, 1 + number % 20]
        table[f"y{number}"] = target(kind, latent)
        positive = "b" if kind == "binary" else None
        task = Task(
            f"y{number}", "clinical", kind, f"y{number}", positive=positive, covariates=("age", "sex")
        )
        made.append(task)
    predictions = np.column_stack([age + 5 * rng.normal(size=scans), rng.normal(size=(scans, 3))])
    return Data(values, table, feature_columns(features), predictions, "simulation"), made


def target(kind, latent):
    if kind == "regression":
        return latent.tolist()
    if kind == "binary":
        return np.where(latent > 0.7, "b", "a").tolist()
    names = np.array(["a", "b", "c", "d"]) if kind == "multiclass" else np.arange(5)
    edges = np.quantile(latent, np.linspace(0, 1, len(names) + 1)[1:-1])
    return names[np.digitize(latent, edges)].tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for name, default in (("scans", 1000), ("features", 512), ("tasks", 20), ("processes", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    data, tasks = simulated(given.scans, given.features, given.tasks)
    start, before = time.perf_counter(), time.process_time()
    found = fit_tasks(data, tasks, given.folder, given.processes)
    seconds, cpu = time.perf_counter() - start, time.process_time() - before
    sizes = [path.stat().st_size / 1e6 for path in given.folder.glob("*.json")]
    memory_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{len(found.readouts)} readouts, {len(found.refused)} refused: {seconds:.0f} s, "
        f"{cpu:.0f} s of CPU in this process, load {os.getloadavg()[1]:.1f}, "
        f"{memory_gb:.2f} GB, files of up to {max(sizes):.1f} MB"
    )


if __name__ == "__main__":
    main()
