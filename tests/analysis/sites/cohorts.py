"""Simulated cohorts of several sites."""

import numpy as np
import pandas as pd


def cohort(seed=0, n=240, width=20, sites=("a", "b", "c"), shift=1.5, spread=0.5, age_effect=0.05):
    """Return people of several sites, the columns of their values, and the values without effects of sites.

    Shifts and scales of sites differ from column to column; age is in years, 20 to 80, at all sites.
    """
    rng = np.random.default_rng(seed)
    age, sex = rng.uniform(20, 80, n), rng.choice(["F", "M"], n)
    number = rng.permutation(np.arange(n) % len(sites))
    slopes = age_effect * rng.normal(1, 0.5, width)
    covered = (age[:, None] - 50) * slopes + 0.5 * (sex == "M")[:, None]
    noise = rng.normal(size=(n, width))
    columns = [f"x{k:02d}" for k in range(width)]
    shifts = shift * rng.normal(size=(len(sites), 1)) + 0.5 * rng.normal(size=(len(sites), width)) * (
        shift > 0
    )
    scales = np.exp(spread * rng.uniform(-1, 1, (len(sites), 1)) * np.ones(width))
    table = pd.DataFrame(covered + shifts[number] + scales[number] * noise, columns=columns)
    people = [f"sub-{k:04d}" for k in range(n)]
    table = table.assign(participant_id=people, age=age, sex=sex, site=np.array(sites)[number])
    return table, columns, pd.DataFrame(covered + noise, columns=columns)


def slope(values, age):
    """Return the change per year of each column."""
    centred = age - age.mean()
    return centred @ (values - values.mean(axis=0)) / (centred @ centred)
