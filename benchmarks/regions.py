"""Regions of synthetic brains against the norms: spread, relation to ventricles, errors of the flow.

Usage: python benchmarks/regions.py SAMPLES CACHE MAPS... [--figure FIGURE.png]

Each person is drawn, a label map deformed and its regions measured on the 2 mm lattice; of those drawn with
an age, printed for each structure (mean of the sides): standard deviation of the logarithm of its share of
the brain, and the correlation of that with the logarithm of the lateral ventricles, of the drawn volumes
(which follow the norms) and of the measured ones; bias and standard deviation of the logarithm of measured
over drawn volumes. Last the smallest determinant of the deformation, which is above 0 if nothing folds.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES
from neurofm_bids.pretrain.anatomy.cache import load_anatomies
from neurofm_bids.pretrain.anatomy.region_map import LATERAL
from neurofm_bids.pretrain.synthesis.generator import choose_anatomy
from neurofm_bids.pretrain.synthesis.population import TISSUE, draw_person
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields
from neurofm_bids.pretrain.synthesis.shape import make_shape
from neurofm_bids.pretrain.synthesis.truth import region_volumes_ml

LATERAL_INDICES = np.array(LATERAL) - 1


def measure(anatomies, count):
    """Return drawn and measured volumes of people with an age, ml, (n, 42), and the smallest determinant."""
    drawn, measured, smallest = [], [], np.inf
    index = 0
    while len(drawn) < count:
        rng = RandomFields((20261128, index))
        index += 1
        person = draw_person(rng)
        if person.age_years is None:
            continue
        shape = make_shape(choose_anatomy(anatomies, person, rng), person, rng)
        drawn.append(np.array(person.region_mm3) / 1000)
        measured.append(region_volumes_ml(shape))
        smallest = min(smallest, determinant(shape))
    return np.array(drawn), np.array(measured), smallest


def determinant(shape):
    """Return the smallest determinant of the map from lattice to label map, relative to its median."""
    points = shape.points
    size = [n - 1 for n in points.shape[1:]]
    edges = [torch.diff(points, dim=axis + 1)[:, : size[0], : size[1], : size[2]] for axis in range(3)]
    values = torch.linalg.det(torch.stack(edges).permute(2, 3, 4, 0, 1))
    return float((values / values.median()).min())


def log_shares(volumes):
    return np.log(volumes / volumes[:, TISSUE].sum(axis=1, keepdims=True))


def by_structure(values):
    """Return the mean over the sides of each structure."""
    number = np.array([region.structure for region in REGIONS])
    return np.array([values[number == index].mean() for index in range(len(STRUCTURES))])


def summary(drawn, measured):
    """Return a row of numbers for each structure."""
    columns = []
    for volumes in (drawn, measured):
        shares, ventricles = log_shares(volumes), np.log(volumes[:, LATERAL_INDICES].sum(axis=1))
        columns.append(by_structure(shares.std(axis=0)))
        columns.append(by_structure(np.array([np.corrcoef(s, ventricles)[0, 1] for s in shares.T])))
    errors = np.log(measured / drawn)
    return np.column_stack([*columns, by_structure(errors.mean(axis=0)), by_structure(errors.std(axis=0))])


def draw_figure(rows, path):
    figure = Figure(figsize=(11, 5), layout="constrained")
    spread, relation = figure.subplots(1, 2)
    names = [structure.name.replace("_", " ") for structure in STRUCTURES]
    places = np.arange(len(names))
    colours, labels = ("#1f5f8b", "#b45309"), ("norms", "synthetic")
    for axes, columns, title in (
        (spread, (0, 2), "sd of the logarithm of the share of the brain"),
        (relation, (1, 3), "correlation of the share with log ventricles"),
    ):
        for column, colour, label in zip(columns, colours, labels, strict=True):
            axes.plot(rows[:, column], places, "o", color=colour, label=label)
        axes.set_yticks(places, names)
        axes.set_xlabel(title)
        axes.invert_yaxis()
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", type=int)
    parser.add_argument("cache", type=Path)
    parser.add_argument("maps", type=Path, nargs="+")
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    drawn, measured, smallest = measure(load_anatomies(options.maps, options.cache), options.samples)
    rows = summary(drawn, measured)
    print("| Structure | Spread, norms | Spread | Ratio | r, norms | r | Bias | sd |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for structure, row in zip(STRUCTURES, rows, strict=True):
        norm, norm_r, own, own_r, bias, sd = row
        numbers = f"{norm:.3f} | {own:.3f} | {own / norm:.2f} | {norm_r:+.2f} | {own_r:+.2f}"
        print(f"| {structure.name.replace('_', ' ')} | {numbers} | {bias:+.3f} | {sd:.3f} |")
    print(f"smallest determinant: {smallest:.3f}")
    if options.figure:
        draw_figure(rows, options.figure)


if __name__ == "__main__":
    main()
