"""Measure on label maps what the norms lack: cranial cavity, and correlation of both sides.

Usage: python benchmarks/label_maps.py MAPS

For each map, the age is taken at which the norms (mean of both sexes) have its ventricles without choroid
plexus, in a head of its size. Printed: the ratio of cavity and eTIV for which tissue then fills the cavities
as in the maps on average, the sd of the differences between maps, and for each structure the correlation of
its logarithmic volumes on both sides, given those of the brain and of the ventricles.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.optimize import brentq

from neurofm_bids.anatomy.regions import STRUCTURES
from neurofm_bids.norms.published import CHOROID_MM3, ETIV_ML, read_norms
from neurofm_bids.pretrain.anatomy.distances import cranial_cavity
from neurofm_bids.pretrain.anatomy.label_map import REGIONS, find_label_maps, read_label_map
from neurofm_bids.pretrain.synthesis.population import TISSUE

PAIRS = [s for s in STRUCTURES if s.right and s.kind in ("deep grey matter", "hindbrain")]
AGES = (22, 95)


def volumes(path):
    """Return ml of cavity, tissue, lateral ventricles without choroid plexus, and of paired structures."""
    labels = read_label_map(path)
    masks = {name: np.isin(labels, codes) for name, codes in REGIONS.items()}
    lateral = masks["lateral ventricles"]
    brain = ~masks["outside"] & (labels < 256)
    tissue = brain & ~lateral & ~masks["other ventricles"]
    cavity = cranial_cavity(brain, labels)
    whole = [cavity, tissue, lateral & ~masks["choroid plexus"]]
    parts = [np.isin(labels, codes) for s in PAIRS for codes in (s.left, s.right)]
    return [np.count_nonzero(mask) / 1000 for mask in (*whole, *parts)]


def expected(age, etiv):
    """Return tissue and lateral ventricles without choroid plexus of the norms, in ml."""
    both = np.mean([read_norms().volumes_mm3(age, sex, etiv) for sex in ETIV_ML], axis=0) / 1000
    return both[TISSUE].sum(), both[~TISSUE][:4].sum() - 2 * CHOROID_MM3 / 1000


def age_of(lateral, etiv):
    """Return the age at which the norms have these ventricles in a head of this size."""
    low, high = (expected(age, etiv)[1] for age in AGES)
    if not low < lateral < high:
        return AGES[int(lateral >= high)]
    return brentq(lambda age: expected(age, etiv)[1] - lateral, *AGES)


def differences(maps, ratio):
    """Return the fractions of the cavity that are tissue, maps minus norms."""
    rows = [
        (tissue - expected(age_of(lateral, cavity / ratio), cavity / ratio)[0]) / cavity
        for cavity, tissue, lateral in maps[:, :3]
    ]
    return np.array(rows)


def sides(maps):
    """Return the correlation of both sides of each structure."""
    logs = np.log(maps)
    known = np.c_[np.ones(len(maps)), logs[:, 1:3]]
    rest = logs - known @ np.linalg.lstsq(known, logs, rcond=None)[0]
    return {s.name: np.corrcoef(rest[:, 3 + 2 * n : 5 + 2 * n].T)[0, 1] for n, s in enumerate(PAIRS)}


def main():
    maps = np.array([volumes(path) for path in find_label_maps(Path(sys.argv[1]))])
    ratio = brentq(lambda r: differences(maps, r).mean(), 0.8, 1.1)
    print(
        f"{len(maps)} maps: cavity / eTIV {ratio:.3f}, sd of differences {differences(maps, ratio).std():.3f}"
    )
    print("correlations of both sides:", ", ".join(f"{name} {r:.2f}" for name, r in sides(maps).items()))


if __name__ == "__main__":
    main()
