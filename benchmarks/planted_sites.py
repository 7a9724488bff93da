"""Planted effects of sites: what harmonisation removes, and what it leaves of the effect of age.

    python benchmarks/planted_sites.py PEOPLE.tsv [--cohorts 20]

PEOPLE.tsv has columns ``feature_*`` and ``output_age`` of benchmarks/planted_effect.py. People are drawn with
the mean, the slope on age and the residuals of these features. Each of five sites shifts each feature (a
shift of its own and one per feature, 0.5 sd each) and scales it (log sd 0.2). Ages are alike at all sites,
or each site has another range that overlaps with the next. Prints, for sites of 20 and of 80 people, as
means over cohorts:

- ``variance``: share of the variance beyond age and sex that the site explains, mean over features.
- ``accuracy``: of telling the site of held-out scans by all features beyond age and sex (balanced; chance
  is 0.2), harmonised inside the training folds.
- ``error``: root mean square of what differs from the features without sites, in sd, less a common shift.
- ``age_slope``: slope on age over the true one, median over the features of which age explains 5 % or more.

Then, for a new site of n scans, the error of the shift (root mean square, in sd) with the prior of the new
site itself, with the shared one, and without empirical Bayes (other sites of 80 people).
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from neurofm_bids.analysis.sites.effects import site_effects
from neurofm_bids.analysis.sites.model import harmonise, learn_sites, with_new_sites
from neurofm_bids.analysis.sites.recognition import site_recognition

SEED, SITES, PER_SITE = 20261129, 5, (20, 80)
SHIFT, LOG_SCALE = 0.5, 0.2
ABOUT = ("participant_id", "age", "sex", "site")


class Population:
    """Features of people as the table has them, by age."""

    def __init__(self, path: Path) -> None:
        table = pd.read_csv(path, sep="\t", na_values="n/a")
        self.columns = [name for name in table if name.startswith("feature_")]
        values, age = table[self.columns].to_numpy(), table["output_age"].to_numpy()
        x = np.column_stack([np.ones(len(age)), age])
        coefficients, *_ = np.linalg.lstsq(x, values, rcond=None)
        self.level, self.slopes = coefficients
        self.residuals = values - x @ coefficients
        self.sd = self.residuals.std(axis=0)
        self.with_age = 1 - self.residuals.var(axis=0) / values.var(axis=0) > 0.05

    def draw(self, age: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return features: residuals are means of two people, which keeps their covariance."""
        first, second = rng.integers(0, len(self.residuals), (2, len(age)))
        mixed = (self.residuals[first] + self.residuals[second]) / np.sqrt(2)
        return self.level + np.outer(age, self.slopes) + mixed


def cohort(
    population: Population,
    rng: np.random.Generator,
    *,
    confounded: bool,
    sites: int = SITES,
    people: int = 80,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a table of people with effects of sites, and their features without."""
    number = np.repeat(np.arange(sites), people)
    low, width = (20 + 9 * number, 24) if confounded else (20, 60)
    age = low + width * rng.random(len(number))
    truth = population.draw(age, rng)
    p = len(population.columns)
    shift = SHIFT * population.sd * (rng.normal(size=(sites, 1)) + rng.normal(size=(sites, p)))
    scale = np.exp(LOG_SCALE * rng.normal(size=(sites, p)))
    covered = population.level + np.outer(age, population.slopes)
    values = covered + shift[number] + scale[number] * (truth - covered)
    about = pd.DataFrame(
        {
            "participant_id": np.arange(len(age)), "age": age,
            "sex": rng.choice(["F", "M"], len(age)), "site": [f"site{k}" for k in number],
        }
    )  # fmt: skip
    return tuple(
        pd.concat([about, pd.DataFrame(v, columns=population.columns)], axis=1) for v in (values, truth)
    )


def centred(table: pd.DataFrame, columns: list[str], *, scaled: bool) -> pd.DataFrame:
    groups = table.groupby("site")[columns]
    values = table[columns] - groups.transform("mean")
    if scaled:
        values = values / groups.transform("std") * (table[columns].std())
    return values + table[columns].mean()


def slope(values: np.ndarray, age: np.ndarray) -> np.ndarray:
    x = age - age.mean()
    return x @ (values - values.mean(axis=0)) / (x @ x)


ADJUSTED, PLAIN = "ComBat, age and sex preserved", "the same without empirical Bayes"
METHODS = {
    "as they are": lambda table, columns: table[columns],
    "sites centred": lambda table, columns: centred(table, columns, scaled=False),
    "sites centred and scaled": lambda table, columns: centred(table, columns, scaled=True),
    "ComBat, nothing preserved": lambda table, columns: harmonise(
        learn_sites(table, columns, preserve=()), table
    ),
    PLAIN: lambda table, columns: harmonise(learn_sites(table, columns, empirical_bayes=False), table),
    ADJUSTED: lambda table, columns: harmonise(learn_sites(table, columns), table),
}


def compared(population: Population, cohorts: int) -> None:
    print("ages", "people", "method", "variance", "accuracy", "error", "age_slope", sep="\t")
    for ages, confounded in (("alike", False), ("of other ranges", True)):
        for people in PER_SITE:
            found: dict[str, list[list[float]]] = {name: [] for name in METHODS}
            for number in range(cohorts):
                rng = np.random.default_rng((SEED, number, int(confounded), people))
                table, truth = cohort(population, rng, confounded=confounded, people=people)
                for name, scores in scores_of(population, table, truth).items():
                    found[name].append(scores)
            for name, rows in found.items():
                print(ages, people, name, *(f"{m:.3f}" for m in np.mean(rows, axis=0)), sep="\t", flush=True)


def scores_of(population: Population, table: pd.DataFrame, truth: pd.DataFrame) -> dict[str, list[float]]:
    columns, found = population.columns, {}
    true = slope(truth[columns].to_numpy(), truth["age"].to_numpy())[population.with_age]
    before, with_bayes = site_recognition(table, columns)
    _, without = site_recognition(table, columns, empirical_bayes=False)
    accuracy = {"as they are": before, ADJUSTED: with_bayes, PLAIN: without}
    for name, method in METHODS.items():
        made = table.copy()
        made[columns] = method(table, columns)
        values = made[columns].to_numpy()
        gap = (values - truth[columns].to_numpy()) / population.sd
        own = slope(values, made["age"].to_numpy())[population.with_age]
        found[name] = [
            site_effects(made, columns)["variance_explained"].mean(),
            accuracy[name].balanced_accuracy if name in accuracy else np.nan,
            float(np.sqrt(np.mean((gap - gap.mean(axis=0)) ** 2))),
            float(np.median(own / true)),
        ]
    return found


def new_site(population: Population, cohorts: int) -> None:
    columns = population.columns
    print("\nn", "own_prior", "shared_prior", "no_prior", "not_harmonised", sep="\t")
    for n in (5, 10, 20, 40):
        rows = []
        for number in range(cohorts):
            rng = np.random.default_rng((SEED, number, 2))
            table, truth = cohort(population, rng, confounded=False, sites=SITES + 1)
            is_new = (table["site"] == f"site{SITES}").to_numpy()
            model = learn_sites(table[~is_new], columns)
            few = table[is_new].iloc[:n]
            shared = with_new_sites(model, few, least_scans=n)
            own = with_new_sites(replace(model, prior=None), few, least_scans=n)
            plain = harmonise(model, table[~is_new]) - truth.loc[~is_new, columns]
            errors = []
            for one in (own, shared):
                gap = (harmonise(one, table[is_new]) - truth.loc[is_new, columns]).mean() - plain.mean()
                errors.append(np.sqrt(np.mean((gap / population.sd) ** 2)))
            errors.append(without_prior(table[is_new], truth[is_new], few, plain, model, population))
            gap = (table.loc[is_new, columns] - truth.loc[is_new, columns]).mean() - plain.mean()
            rows.append([*errors, np.sqrt(np.mean((gap / population.sd) ** 2))])
        print(n, *(f"{m:.3f}" for m in np.mean(rows, axis=0)), sep="\t")


def without_prior(new, truth, few, plain, model, population) -> float:
    """Return the error if the shift is the mean of the scans of the site."""
    columns = population.columns
    slopes = np.array(model.harmonisation.slopes)
    covariates = np.stack([few["age"], few["sex"] == "M"], axis=1) - np.array(model.harmonisation.centre)
    location = (few[columns].to_numpy() - covariates @ slopes).mean(axis=0)
    made = new[columns] - location + np.array(model.harmonisation.level)
    gap = (made - truth[columns]).mean() - plain.mean()
    return float(np.sqrt(np.mean((gap / population.sd) ** 2)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("people", type=Path)
    parser.add_argument("--cohorts", type=int, default=20)
    options = parser.parse_args()
    population = Population(options.people)
    compared(population, options.cohorts)
    new_site(population, options.cohorts)


if __name__ == "__main__":
    main()
