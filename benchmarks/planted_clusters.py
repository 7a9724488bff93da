"""Planted clusters: how often they are found, and how often clusters are found where there are none.

    python -m benchmarks.planted_clusters recovery FOLDER [--cohorts 20] [--n 150 300 1000]
    python -m benchmarks.planted_clusters spaces FOLDER [FOLDER ...]
    python -m benchmarks.planted_clusters time [--n 1000 10000 100000]

FOLDER is what benchmarks/planted_effect.py wrote: features of synthetic people (FOLDER/people.tsv).
"recovery" draws cohorts from a normal distribution with the mean and covariance of those features, plants
clusters in them, and prints how many clusters k-means and HDBSCAN give and the adjusted Rand index with the
truth. The distance of two clusters is the Mahalanobis distance of their means, along the first five principal
components. Cohorts without clusters are normal, heavy-tailed (t with 4 degrees of freedom), skewed
(exponential), uniform along the first component, and a curved continuum. "spaces" prints how well k-means of
three clusters finds the label maps that people were made from, in several spaces. "time" prints seconds for
cohorts of 512 features.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from neurofm_bids.analysis.clusters.components import fit_components
from neurofm_bids.analysis.clusters.neighbours import nearest_neighbours
from neurofm_bids.analysis.clusters.partition import kmeans
from neurofm_bids.analysis.clusters.search import search_density, search_kmeans
from neurofm_bids.analysis.clusters.space import make_space
from neurofm_bids.readouts.threads import one_thread

NUMBERS, PLANTED_AXES, FEATURES = (2, 6), 5, 512
NULLS = ("normal", "heavy-tailed", "skewed", "uniform", "curved")
PLANTED = ((2, 3.0, 0.5), (2, 4.0, 0.5), (2, 5.0, 0.5), (2, 6.0, 0.5), (2, 6.0, 0.15), (3, 5.0, 1 / 3))


def read_people(folder):
    return pd.read_csv(folder / "people.tsv", sep="\t", na_values="n/a")


def features_of(people):
    return people.filter(regex="^feature_").to_numpy()


class Features:
    """Features with the mean and covariance of those of people, from independent values of variance 1."""

    def __init__(self, values):
        self.components = fit_components(values, values.shape[1])
        self.d = len(self.components.variances)

    def of(self, scores):
        """Return features of independent scores of variance 1."""
        scaled = scores * np.sqrt(self.components.variances)
        return self.components.centre + scaled @ self.components.directions

    def without_clusters(self, kind, n, random):
        """Return features of n people of one cluster."""
        scores = random.normal(size=(n, self.d))
        if kind == "heavy-tailed":
            scores *= np.sqrt(2 / random.chisquare(4, size=(n, 1)))
        if kind == "skewed":
            scores = random.exponential(size=(n, self.d)) - 1
        if kind in {"uniform", "curved"}:
            along = random.uniform(-1, 1, n)
            scores[:, 0] = np.sqrt(3) * along
        if kind == "curved":
            scores[:, 1] = (along**2 - 1 / 3) * 3 + 0.3 * scores[:, 1]
        return self.of(scores)

    def with_clusters(self, number, distance, share, n, random):
        """Return features, and the cluster of each; every one but the first has a ``share`` of people."""
        truth = random.choice(number, n, p=[1 - share * (number - 1)] + [share] * (number - 1))
        corners = np.linalg.qr(random.normal(size=(PLANTED_AXES, PLANTED_AXES)))[0][:number]
        scores = random.normal(size=(n, self.d))
        scores[:, :PLANTED_AXES] += (corners * distance / np.sqrt(2))[truth]
        return self.of(scores), truth


def found(features):
    space = make_space(features, np.ones(len(features), dtype=bool))
    tried = [*search_kmeans(space.places, NUMBERS), *search_density(space.places)]
    return space.places.shape[1], {one.method: one for one in tried if one.is_chosen}


def print_row(name, n, results, truths):
    for method in ("kmeans", "hdbscan"):
        numbers = [result[method].number for _, result in results]
        counts = " ".join(f"{value}:{numbers.count(value)}" for value in sorted(set(numbers)))
        rand = [
            adjusted_rand_score(truth, result[method].labels)
            for (_, result), truth in zip(results, truths, strict=True)
            if truth is not None
        ]
        text = f"{np.mean(rand):.2f}" if rand else "-"
        axes = np.mean([axes for axes, _ in results])
        print(f"{name:28} n={n:5} axes={axes:.1f} {method:8} numbers {counts:20} rand {text}", flush=True)


def recovery(options):
    model = Features(features_of(read_people(options.folder[0])))
    for n in options.n:
        for kind in NULLS:
            randoms = [np.random.default_rng(seed) for seed in range(options.cohorts)]
            results = [found(model.without_clusters(kind, n, random)) for random in randoms]
            print_row(f"none, {kind}", n, results, [None] * len(results))
        for number, distance, share in PLANTED:
            randoms = [np.random.default_rng(seed) for seed in range(options.cohorts)]
            cohorts = [model.with_clusters(number, distance, share, n, random) for random in randoms]
            results = [found(features) for features, _ in cohorts]
            name = f"{number} of distance {distance:g}, {share:.0%}"
            print_row(name, n, results, [truth for _, truth in cohorts])


def spaces(options):
    for folder in options.folder:
        people = read_people(folder)
        values = features_of(people)
        scaled = (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)
        own = make_space(values, np.ones(len(values), dtype=bool)).places
        print(f"{folder.name}: {len(values)} people, the space of the package has {own.shape[1]} axes")
        rows = {"package": own}
        for name, matrix in (("raw", values), ("standardised", scaled)):
            components = fit_components(matrix, 40)
            for number in (3, 5, 10, 20, 40):
                for whiten in (False, True):
                    places = components.scores(matrix, scale=whiten)[:, :number]
                    rows[f"{name}, {number} axes{', variance 1' if whiten else ''}"] = places
        for name, places in rows.items():
            rand = adjusted_rand_score(people["label_map"], kmeans(places, 3))
            print(f"  {name:36} rand {rand:.2f}")


def timed(name, n, function):
    start = time.perf_counter()
    result = function()
    print(f"n={n:6} {name:14} {time.perf_counter() - start:7.1f} s", flush=True)
    return result


def times(options):
    random = np.random.default_rng(0)
    loadings = random.normal(size=(8, FEATURES))
    for n in options.n:
        features = random.normal(size=(n, 8)) @ loadings + random.normal(size=(n, FEATURES))
        features[: n // 3] += 2 * random.normal(size=FEATURES)
        space = timed("space", n, lambda f=features: make_space(f, np.ones(len(f), dtype=bool)))
        places = space.places
        timed("k-means, 2-8", n, lambda p=places: search_kmeans(p, (2, 8)))
        timed("HDBSCAN", n, lambda p=places: search_density(p))
        timed("neighbours", n, lambda p=places: nearest_neighbours(p, np.arange(len(p)), 5))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = {"recovery": recovery, "spaces": spaces, "time": times}
    parser.add_argument("command", choices=commands)
    parser.add_argument("folder", type=Path, nargs="*")
    parser.add_argument("--cohorts", type=int, default=20)
    parser.add_argument("--n", type=int, nargs="+", default=[150, 300, 1000])
    options = parser.parse_args()
    with one_thread():
        commands[options.command](options)


if __name__ == "__main__":
    main()
