"""The ComBat of this package against neuroCombat and neuroHarmonize: largest difference, and time.

    python benchmarks/combat_agreement.py [--store FILE]

Needs an environment of its own with neuroCombat or neuroHarmonize, which want numpy 1, and pydantic. --store
writes the small case of tests/test_combat.py with the numbers of neuroCombat.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
from pathlib import Path

import numpy as np
import pandas as pd
from neuroCombat import neuroCombat

from neurofm_bids.combat import pooled_sd, site_effect, within_slopes

SEED = 20261129


def small_case() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(SEED)
    n, width = 36, 12
    age, sex = np.round(rng.uniform(20, 70, n), 1), rng.choice(["F", "M"], n)
    values = rng.normal(size=(n, width)) * 2 + 0.1 * age[:, None] + (sex == "M")[:, None]
    values += np.repeat([0, 3, -2], 12)[:, None] * rng.uniform(0.5, 1.5, width)
    values = np.round(values * np.repeat([1, 1.5, 0.7], 12)[:, None], 3)
    return pd.DataFrame({"site": np.repeat(["a", "b", "c"], 12), "age": age, "sex": sex}), values


def large_case(n: int = 2000, width: int = 512, sites: int = 6) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(SEED)
    number = rng.integers(0, sites, n)
    age, sex = rng.uniform(20, 80, n), rng.choice(["F", "M"], n)
    noise = rng.normal(size=(n, width)) * rng.uniform(0.5, 1.5, (sites, width))[number]
    values = noise + rng.normal(size=(sites, width))[number] + 0.03 * age[:, None]
    return pd.DataFrame({"site": [f"s{k}" for k in number], "age": age, "sex": sex}), values


def by_neurocombat(table: pd.DataFrame, values: np.ndarray) -> np.ndarray:
    with contextlib.redirect_stdout(io.StringIO()):
        made = neuroCombat(values.T.copy(), table, "site", categorical_cols=["sex"], continuous_cols=["age"])
    return made["data"].T


def by_neuroharmonize(table: pd.DataFrame, values: np.ndarray) -> np.ndarray:
    from neuroHarmonize import harmonizationLearn

    covariates = pd.DataFrame({"SITE": table["site"], "age": table["age"], "male": table["sex"] == "M"})
    return harmonizationLearn(values, covariates.astype({"male": float}))[1]


def by_this_package(table: pd.DataFrame, values: np.ndarray) -> np.ndarray:
    sites = np.unique(table["site"], return_inverse=True)[1]
    covariates = np.stack([table["age"], table["sex"] == "M"], axis=1).astype(float)
    design = covariates - covariates.mean(axis=0)
    of_covariates = design @ within_slopes(values, design, sites)
    left = values - of_covariates
    level, sd, made = left.mean(axis=0), pooled_sd(left, sites), np.empty_like(values)
    for site in np.unique(sites):
        rows, effect = sites == site, site_effect(left[sites == site], level, sd, shrink=True)
        made[rows] = level + (left[rows] - effect.location) / effect.scale + of_covariates[rows]
    return made


def store(path: Path) -> None:
    table, values = small_case()
    made = by_neurocombat(table, values)
    columns = [f"x{k}" for k in range(values.shape[1])]
    frame = pd.concat(
        [
            table,
            pd.DataFrame(values, columns=columns),
            pd.DataFrame(made.round(5), columns=[f"combat_{name}" for name in columns]),
        ],
        axis=1,
    )
    frame.to_csv(path, sep="\t", index=False)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", type=Path)
    options = parser.parse_args()
    if options.store:
        store(options.store)
    print("case\tother\tlargest_difference\tsd_of_values\tseconds\tseconds_other")
    for name, case in (("36 x 12", small_case()), ("2000 x 512", large_case())):
        started = time.perf_counter()
        own = by_this_package(*case)
        seconds = time.perf_counter() - started
        for other in (by_neurocombat, by_neuroharmonize):
            started = time.perf_counter()
            made = other(*case)
            taken = time.perf_counter() - started
            numbers = (np.abs(own - made).max(), case[1].std(), seconds, taken)
            print(name, other.__name__[3:], *(f"{number:.2g}" for number in numbers), sep="\t")


if __name__ == "__main__":
    main()
