"""Readouts of synthetic people whose truth is known: a planted effect, and the quality of images.

    python -m benchmarks.synthetic_readouts planted FOLDER WEIGHTS
    python -m benchmarks.synthetic_readouts quality FOLDER CACHE MAPS... [--readouts OUT]
    python -m benchmarks.synthetic_readouts real READOUTS IMAGES...

FOLDER is what benchmarks/planted_effect.py wrote: features of images of 1 mm of held-out label maps that went
through the whole pipeline, and volumes segmented with WEIGHTS. "planted" fits readouts of the planted effect,
of the latent features, the regional volumes and both, and prints their areas under the curve beside that of
the four predictions alone. "quality" makes the images again to learn what their scanner did to them
(FOLDER/acquisition.tsv, which resumes), fits readouts of it to the latent features, and prints how well they
do; with --readouts it writes those to the folder that the package bundles. "real" injects noise, blur and
motion into real scans and prints what the readouts in a folder say of them.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import nibabel as nib
import numpy as np
import torch

from benchmarks.planted_effect import (
    FEATURES,
    NAMES,
    PEOPLE,
    PLANTED,
    SEED,
    plain,
    prepared_maps,
    values,
)
from benchmarks.quality_injection import Head, blur, motion, noise
from neurofm_bids import NeuroFM, Readout
from neurofm_bids.pretrain.evaluation.growing_table import GrowingTable
from neurofm_bids.pretrain.evaluation.summary import TARGETS
from neurofm_bids.pretrain.synthesis.bids_dataset import nifti_image
from neurofm_bids.pretrain.synthesis.generator import generate_image
from neurofm_bids.readouts.batch import Data, fit_tasks
from neurofm_bids.readouts.fit import fit
from neurofm_bids.readouts.task import Task
from neurofm_bids.records.columns import feature_columns
from neurofm_bids.records.origin import origin_of
from neurofm_bids.storage.atomic import file_sha256

ABOUT = ("person", "noise_sd", "blur_mm", "motion_mm", "bias_sd", "style", "brain_ml")
FAULTS = (("noise", noise, (0.0, 0.04, 0.08)), ("blur", blur, (2.0, 4.0)), ("motion", motion, (1.0, 3.0)))
DATASET = "synthetic brains of three held-out label maps"
QUALITY = (
    (
        "synthetic_noise",
        "noise_sd",
        "Noise of a synthetic scan: its standard deviation over white matter",
        "1",
    ),
    ("synthetic_blur", "blur_mm", "Blur of a synthetic scan: mean standard deviation along the axes", "mm"),
    (
        "synthetic_motion",
        "motion_mm",
        "Head motion of a synthetic scan: root mean square of the shifts",
        "mm",
    ),
    (
        "synthetic_bias",
        "bias_sd",
        "Bias field of a synthetic scan before correction: sd of its logarithm",
        "1",
    ),
)


def planted(options):
    people = GrowingTable(options.folder / "people.tsv", PEOPLE)
    digest = file_sha256(options.weights)[:12]
    regions = GrowingTable(options.folder / f"regions-{digest}.tsv", ("person", *NAMES))
    keys = sorted(people.rows.keys() & regions.rows.keys(), key=int)
    latent = values(people, keys, PEOPLE[-FEATURES:])
    volumes = np.log(np.maximum(values(regions, keys, NAMES), 1e-3))
    outputs = values(people, keys, [f"output_{name}" for name in TARGETS])
    table = {
        "participant_id": keys,
        "effect": ["smaller" if people.rows[key]["effect"] == "1" else "as drawn" for key in keys],
        "brain": volumes[:, [number for number, name in enumerate(NAMES) if "ventric" not in name]].mean(
            axis=1
        ),
    }
    of_region = [number for number, name in enumerate(NAMES) if PLANTED in name]
    print(
        f"{len(keys)} people\n\n| Features | n | AUC (95%) | p | predictions alone |\n" + "| --- " * 5 + "|"
    )
    for name, features, covariates in (
        ("latent", latent, ()),
        ("volumes of all regions", volumes, ()),
        ("both", np.hstack([latent, volumes]), ()),
        (f"volumes of the {PLANTED}, given those of all regions", volumes[:, of_region], ("brain",)),
    ):
        task = Task("planted", "clinical", "binary", "effect", positive="smaller", covariates=covariates)
        found = fit(features, table, task, predictions=outputs).evaluation
        cells = (text(found.metrics["auc"]), f"{found.p_value:.3f}", text(found.predictions_only["auc"]))
        print(f"| {name} | {features.shape[1]} | {' | '.join(cells)} |", flush=True)


def quality(options):
    table = GrowingTable(options.folder / "acquisition.tsv", ABOUT)
    people = GrowingTable(options.folder / "people.tsv", PEOPLE)
    missing = [int(key) for key in people.rows if key not in table.rows]
    make = partial(acquisition_of, maps=tuple(options.maps), cache=options.cache)
    with ProcessPoolExecutor(options.nprocs, mp_context=get_context("spawn")) as pool:
        for row in pool.map(make, missing):
            table.append(row)
    keys = sorted(people.rows.keys() & table.rows.keys(), key=int)
    for key in keys:
        known, again = people.rows[key], table.rows[key]
        assert known["stripping"] == again["style"], f"person {key} is another one now"
    data = Data(
        values(people, keys, PEOPLE[-FEATURES:]),
        {"participant_id": keys, **{name: values(table, keys, [name])[:, 0] for name in ABOUT[1:5]}},
        tuple(feature_columns(FEATURES)),
        dataset=DATASET,
        origin=origin(options),
        license="Apache-2.0",
    )
    tasks = [
        Task(name, "image quality", "regression", column, description=about, units=units)
        for name, column, about, units in QUALITY
    ]
    found = fit_tasks(data, tasks, options.readouts or options.folder / "readouts").readouts
    print(f"{len(keys)} people\n\n| Readout | r (95%) | MAE | sd of the target |\n| --- | --- | --- | --- |")
    for task in tasks:
        metrics = found[task.name].evaluation.metrics
        spread = float(np.std(data.table[task.target]))
        print(f"| {task.name} | {text(metrics['r'])} | {metrics['mae'].value:.3g} | {spread:.3g} |")


def acquisition_of(index, maps, cache):
    """Return what the scanner did to a person of benchmarks/planted_effect.py."""
    torch.set_num_threads(1)
    synthetic = generate_image(prepared_maps(maps, cache), SEED, index, step_mm=1)
    did = synthetic.acquisition
    row = (str(index), did.noise_sd, float(np.mean(did.blur_mm)), did.motion_mm, did.bias_sd, synthetic.style)
    brain = synthetic.shape.volume_ml(synthetic.shape.brain)
    return dict(zip(ABOUT, map(plain, (*row, brain)), strict=True))


def real(options):
    model = NeuroFM(device="cpu")
    readouts = {path.stem: Readout.load(path) for path in sorted(options.readouts.glob("*.json"))}
    print(f"| Scan | Fault | {' | '.join(readouts)} |\n| --- | --- {'| --- ' * len(readouts)}|")
    for path in options.images:
        image = nib.load(path)
        middle = np.zeros(image.shape, dtype=bool)  # mostly brain, in place of its mask
        middle[tuple(slice(n // 4, n - n // 4) for n in image.shape)] = True
        head = Head(image, middle)
        for fault, inject, strengths in FAULTS:
            for strength in strengths:
                result = model.predict(inject(head, strength), no_anatomy=True)
                scores = [readout.apply(result) for readout in readouts.values()]
                cells = " | ".join("n/a" if s.value is None else f"{s.value:.3f}" for s in scores)
                print(f"| {path.name} | {fault} {strength:g} | {cells} |", flush=True)


def origin(options):
    """Return how features are made now, from the first person."""
    image = nifti_image(generate_image(prepared_maps(tuple(options.maps), options.cache), SEED, 0, step_mm=1))
    return origin_of(NeuroFM(device="cpu").predict(image, no_anatomy=True).record)


def text(metric):
    low, high = metric.interval95
    return f"{metric.value:.3f} ({low:.3f} to {high:.3f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("planted")
    one.add_argument("folder", type=Path)
    one.add_argument("weights", type=Path)
    other = commands.add_parser("quality")
    other.add_argument("folder", type=Path)
    other.add_argument("cache", type=Path)
    other.add_argument("maps", type=Path, nargs="+")
    other.add_argument("--nprocs", type=int, default=2)
    other.add_argument("--readouts", type=Path)
    last = commands.add_parser("real")
    last.add_argument("readouts", type=Path)
    last.add_argument("images", type=Path, nargs="+")
    options = parser.parse_args()
    {"planted": planted, "quality": quality, "real": real}[options.command](options)


if __name__ == "__main__":
    main()
