"""A planted effect: what finds that a region is smaller in half of the synthetic people.

    python benchmarks/planted_effect.py OUT WEIGHTS CACHE MAPS... [--n 400] [--size -0.5]
        [--nprocs 2] [--report]

Every other person has the hippocampus changed by SIZE sd of the norms. Images of 1 mm, from held-out label
maps only, go through the whole pipeline in memory: features and outputs of open-s, and a segmentation with
WEIGHTS. OUT/people.tsv (truth, outputs and features) and OUT/regions-HASH.tsv (volumes, by the hash of the
weights) grow by a row per person, and OUT/grids keeps the preprocessed images: the command resumes, and other
weights need only new segmentations. Prints areas under the curve (AUC) with the bootstrap's 95 % interval:
of the true and the segmented volume adjusted for the volume of the brain (residuals of logarithms), and
of cross-validated logistic regressions on the four outputs, the volumes of all regions, and the features.
People whose image cannot be processed are named and left out. With --report, results of the people so far are
printed and nothing is measured.
"""

from __future__ import annotations

import argparse
import functools
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import nibabel as nib
import numpy as np
import torch

from neurofm_bids import NeuroFM
from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES
from neurofm_bids.anatomy.segmentation import segment
from neurofm_bids.anatomy.weights import load_anatomy_network
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.pretrain.anatomy.cache import load_anatomies
from neurofm_bids.pretrain.evaluation.growing_table import GrowingTable
from neurofm_bids.pretrain.evaluation.metrics import auc
from neurofm_bids.pretrain.evaluation.probes import logistic_scores, residuals
from neurofm_bids.pretrain.evaluation.summary import TARGETS
from neurofm_bids.pretrain.synthesis.bids_dataset import nifti_image
from neurofm_bids.pretrain.synthesis.generator import generate_image
from neurofm_bids.pretrain.synthesis.population import TISSUE
from neurofm_bids.pretrain.synthesis.truth import region_volumes_ml
from neurofm_bids.storage.atomic import file_sha256, write_nifti

SEED, PLANTED = 20261129, "hippocampus"
HELD_OUT = ("subject-07", "subject-10", "subject-16")
NAMES = tuple(region.name for region in REGIONS)
CHANGED = np.array([STRUCTURES[region.structure].name == PLANTED for region in REGIONS])
FEATURES = 160
RESAMPLES = 1000
ABOUT = ("person", "effect", "age", "sex", "label_map", "stripping")
PEOPLE = (
    *ABOUT,
    *(f"true_{name}" for name in NAMES),
    *(f"output_{name}" for name in TARGETS),
    *(f"feature_{number:03d}" for number in range(FEATURES)),
)


@functools.cache
def prepared_maps(maps, cache):
    anatomies = [a for a in load_anatomies(maps, cache) if a.name in HELD_OUT]
    assert len(anatomies) == len(HELD_OUT), f"MAPS must hold {HELD_OUT}"
    return anatomies


@functools.cache
def encoder():
    torch.set_num_threads(1)
    return NeuroFM(device="cpu")


network_of = functools.cache(load_anatomy_network)


def measure_person(index, options, grid_path):
    """Make a person, keep the preprocessed image, and return the row of PEOPLE."""
    model, anatomies = encoder(), prepared_maps(tuple(options.maps), options.cache)
    effect = {PLANTED: options.size} if index % 2 else None
    synthetic = generate_image(anatomies, SEED, index, step_mm=1, effect=effect)
    result = model.predict(nifti_image(synthetic), no_anatomy=True)
    write_nifti(grid_path, result.grid)
    person, outputs = synthetic.person, [result.predictions[name].value for name in TARGETS]
    about = (
        str(index),
        index % 2,
        person.age_years,
        person.sex,
        synthetic.shape.anatomy.name,
        synthetic.style,
    )
    values = (*about, *region_volumes_ml(synthetic.shape), *outputs, *result.features)
    return dict(zip(PEOPLE, map(plain, values), strict=True))


def plain(value):
    return float(value) if isinstance(value, np.floating) else value


def segment_person(index, options, grid_path):
    torch.set_num_threads(1)
    volume = np.asarray(nib.load(grid_path).dataobj, dtype=np.float32)
    volumes = segment(volume, network_of(options.weights)).volumes_mm3[: len(REGIONS)] / 1000
    return {"person": str(index), **dict(zip(NAMES, volumes.tolist(), strict=True))}


def measure_missing(index, options, has_person, has_regions):
    """Return the new row of each table, None for one that it has; or why there is none."""
    grid_path = options.out / "grids" / f"{index:04d}.nii.gz"
    try:
        person = None if has_person else measure_person(index, options, grid_path)
    except NeuroFMError as error:
        return f"person {index} failed: {error}"
    return person, None if has_regions else segment_person(index, options, grid_path)


def measure(options, people, regions):
    missing = [(index, str(index) in people.rows, str(index) in regions.rows) for index in range(options.n)]
    missing = [case for case in missing if not all(case[1:])]
    with ProcessPoolExecutor(options.nprocs, mp_context=get_context("spawn")) as pool:
        cases = [pool.submit(measure_missing, index, options, *has) for index, *has in missing]
        for number, case in enumerate(as_completed(cases), 1):
            found = case.result()
            if isinstance(found, str):
                print(found, flush=True)
                continue
            for table, row in zip((people, regions), found, strict=True):
                if row is not None:
                    table.append(row)
            print(f"{number} of {len(cases)}", flush=True)


def values(table, keys, columns):
    """Return the values of some columns, (people, columns)."""
    return np.array([[float(table.rows[key][name]) for name in columns] for key in keys])


def scores(people, regions, keys):
    """Return a score of each person, higher for those with a smaller region, by measurement."""
    effect = values(people, keys, ["effect"])[:, 0] > 0
    true = values(people, keys, [f"true_{name}" for name in NAMES])
    segmented = values(regions, keys, NAMES)
    outputs = values(people, keys, [f"output_{name}" for name in TARGETS])
    outputs[:, 2:] = np.log(outputs[:, 2:].clip(min=1))
    features = values(people, keys, PEOPLE[-FEATURES:])
    logs = np.log(np.maximum(segmented, 1e-3))
    return effect, {
        "true volume, adjusted": -adjusted(true),
        "segmented volume, adjusted": -adjusted(segmented),
        "four outputs": logistic_scores(outputs, effect, keys),
        "segmented volumes of all regions": logistic_scores(logs, effect, keys),
        "true volumes of all regions": logistic_scores(np.log(np.maximum(true, 1e-3)), effect, keys),
        "features of open-s": logistic_scores(features, effect, keys),
    }


def adjusted(volumes):
    """Return the logarithm of the changed region, adjusted for that of the brain."""
    return residuals(np.log(volumes[:, CHANGED].sum(axis=1)), np.log(volumes[:, TISSUE].sum(axis=1)))


def report(people, regions):
    both = sorted(people.rows.keys() & regions.rows.keys(), key=int)
    with_age = [key for key in both if people.rows[key]["age"] != "n/a"]
    for title, keys in (("all people", both), ("people drawn with an age", with_age)):
        effect, by_name = scores(people, regions, keys)
        rng = np.random.default_rng(0)
        draws = [rng.integers(len(keys), size=len(keys)) for _ in range(RESAMPLES)]
        areas = {name: np.array([auc(effect[d], score[d]) for d in draws]) for name, score in by_name.items()}
        print(f"\n{title}: {len(keys)}, {effect.sum()} of them with the effect\n")
        print("| Measurement | AUC | 95 % | minus that of the true volume | 95 % |")
        print("| --- | --- | --- | --- | --- |")
        reference, first = areas["true volume, adjusted"], auc(effect, by_name["true volume, adjusted"])
        for name, score in by_name.items():
            area = auc(effect, score)
            cells = (area, interval(areas[name]), area - first, interval(areas[name] - reference))
            print(f"| {name} | {cells[0]:.3f} | {cells[1]} | {cells[2]:+.3f} | {cells[3]} |")
        true = np.log(values(people, keys, [f"true_{name}" for name in NAMES])[:, CHANGED].sum(axis=1))
        found = np.log(values(regions, keys, NAMES)[:, CHANGED].sum(axis=1))
        print(f"\nr of log segmented with log true volume: {np.corrcoef(true, found)[0, 1]:.3f}")


def interval(draws):
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{low:+.3f} to {high:+.3f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("maps", type=Path, nargs="+")
    parser.add_argument("--n", type=int, default=400)
    parser.add_argument("--nprocs", type=int, default=2)
    parser.add_argument("--size", type=float, default=-0.5)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    people = GrowingTable(options.out / "people.tsv", PEOPLE)
    digest = file_sha256(options.weights)[:12]
    regions = GrowingTable(options.out / f"regions-{digest}.tsv", ("person", *NAMES))
    if not options.report:
        measure(options, people, regions)
    report(people, regions)


if __name__ == "__main__":
    main()
