"""Planted drift: shifts, trends and steps of measures at sites of different ages, found and false.

    python -m benchmarks.planted_drift [--seeds 20]

Four sites, of which the last is 25 years older, with 25 to 500 participants each and dates over four years.
Half of 40 measures depend on age (one standard deviation in 20 years). At the second site 4 measures are
shifted by one standard deviation, at the third 4 have a trend and 4 a step of 1.5 standard deviations over
the period. Found: the row of the measure, site and test is a drift. False: another row is, per row; a trend
and a step of one measure count for each other, and a shift counts at all sites.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from neurofm_bids.analysis.quality.drift import Occasions, find_drift

SIZES, MEASURES = (25, 50, 100, 500), 40
SHIFTED, TREND, STEP = (range(start, start + 4) for start in (0, 10, 20))


def cohort(each, seed):
    """Return values and occasions of four sites of a size."""
    rng = np.random.default_rng(seed)
    site = np.repeat(list("abcd"), each).astype(object)
    age = rng.uniform(20, 50, 4 * each) + 25 * (site == "d")
    years = rng.uniform(40, 44, 4 * each)
    values = rng.standard_normal((4 * each, MEASURES))
    values[:, ::2] += age[:, None] / 20
    values[np.ix_(site == "b", SHIFTED)] += 1
    values[np.ix_(site == "c", TREND)] += 1.5 * ((years[site == "c"] - 40) / 4)[:, None]
    values[np.ix_(site == "c", STEP)] += 1.5 * (years[site == "c"] > 42)[:, None]
    sex = rng.choice(np.array(["F", "M"], dtype=object), 4 * each)
    return pd.DataFrame(values), Occasions(np.arange(4 * each), age, sex, {"site": site}, years)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    for each in SIZES:
        tables = [find_drift(*cohort(each, seed)[:1], {}, cohort(each, seed)[1])[0] for seed in range(seeds)]
        table = pd.concat(tables, ignore_index=True)
        drift, measure = table["is_drift"].astype(bool), table["measure"]
        truth = {
            "shift": measure.isin(SHIFTED) & (table["group"] == "b"),
            "trend": measure.isin(TREND) & (table["group"] == "c"),
            "step": measure.isin(STEP) & (table["group"] == "c"),
        }
        changed = measure.isin([*TREND, *STEP]) & (table["group"].isin(["c"]) | (table["test"] == "shift"))
        honest = ~(measure.isin(SHIFTED) & (table["test"] == "shift")) & ~changed
        found = {
            test: round(float(drift[rows & (table["test"] == test)].mean()), 3)
            for test, rows in truth.items()
        }
        print(f"{each} per site: found {found}, false {drift[honest].mean():.5f} of {honest.sum()} rows")


if __name__ == "__main__":
    main()
