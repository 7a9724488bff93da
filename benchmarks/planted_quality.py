"""Planted duplicates, swaps, outliers and drift: how many are found, and how many findings are false.

    python -m benchmarks.planted_quality PEOPLE RESAVED OUTPUTS [--seeds 5] [--only TEXT]

PEOPLE is the folder of benchmarks/planted_effect.py: features, outputs and volumes of synthetic people whose
images went through the pipeline. RESAVED is the table of benchmarks/resaved_scans.py: how much these numbers
change when an image is saved in another way or simulated as a second scan. OUTPUTS is a folder of outputs of
real scans, for the image quality metrics. Cohorts have the joint distribution of these people (a Gaussian
copula with their margins). A second session differs by the simulated second scan times a factor, drawn with
heavy tails. Planted are exact copies and copies saved or resampled in another way under another name,
sessions exchanged between two people, scans of strangers, and scans whose features were mixed (each from
another person: outliers); of people with one scan, age and sex exchanged between two (age is predicted with
an error of 9 years, sex of 10 %). Found: the review has a row of the right kind that names the scan. False: a
row that names no planted scan, per honest scan. Before that, the real scans of OUTPUTS with one real variant
of RESAVED under another name at a time.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from neurofm_bids.analysis.quality.cohort import analyse
from neurofm_bids.analysis.scans import Scans
from neurofm_bids.analysis.settings import AnalysisSettings
from neurofm_bids.storage.text import read_json

SIZES = (50, 200, 1000, 5000)
FACTOR = 4.0  # times the difference of a simulated second scan
COPIES = ("exact", "moved", "other_units", "other_axes", "resampled")
RIGHT = dict.fromkeys(("exchanged", "stranger", "records exchanged"), ("swap",)) | {"outlier": ("outlier",)}
METRICS = ("snr_brain", "cnr", "cjv", "efc", "template_dice", "template_correlation", "rotation_degrees")
METRICS += ("template_scale", "noise", "ringing", "slice_jump", "inu_range", "fwhm_mean_mm", "mask_leak")
FEATURE, OUTPUT, VOLUME, METRIC = "feature_", "output_", "volume_", "metric_"


class Population:
    """The joint distribution of the numbers of people, and how they change within a person."""

    def __init__(self, people, resaved, outputs):
        table = pd.read_csv(people / "people.tsv", sep="\t")
        regions = pd.read_csv(next(people.glob("regions-*.tsv")), sep="\t").drop(columns="person")
        self.known = table[["age", "sex"]]
        own = table.filter(regex=f"^({FEATURE}|{OUTPUT})")
        volumes = (regions * 1000).assign(intracranial=1000 * regions.sum(axis=1))
        numbers = pd.concat([own, np.log(volumes.clip(lower=1)).add_prefix(VOLUME)], axis=1)
        self.names = [*numbers.columns, *(METRIC + name for name in METRICS)]
        self.sorted, self.root = np.sort(numbers.to_numpy(), axis=0), root_of_ranks(numbers.to_numpy())
        real = np.array([metrics_of(path) for path in sorted(outputs.rglob("*_desc-openS_predictions.json"))])
        self.metrics, self.metric_root = np.sort(real, axis=0), root_of_ranks(real)
        self.changes = changes(resaved, self.names)

    def people(self, n, rng):
        """Return the numbers of n people, shape (n, k)."""
        parts = [
            drawn(n, *pair, rng) for pair in ((self.sorted, self.root), (self.metrics, self.metric_root))
        ]
        return np.hstack(parts)

    def changed(self, numbers, how, rng, factor=1.0):
        """Return numbers after a change of the measured size, in part with the measured correlations."""
        if how == "exact":
            return numbers.copy()
        measured = self.changes[how]
        mixed = rng.standard_normal((len(numbers), len(measured))) / np.sqrt(len(measured)) @ measured
        alone = rng.standard_normal(numbers.shape) * np.sqrt((measured**2).mean(axis=0))
        heavy = np.sqrt(8 / rng.chisquare(8, (len(numbers), 1))) if factor != 1 else 1
        return numbers + factor * heavy * np.sqrt(0.5) * (mixed + alone)


def root_of_ranks(values):
    """Return a root of the covariance of the normal scores of columns."""
    scores = norm.ppf((pd.DataFrame(values).rank().to_numpy() - 0.5) / len(values))
    size, axes = np.linalg.eigh(np.corrcoef(scores.T))
    return axes * np.sqrt(np.maximum(size, 0))


def drawn(n, ordered, root, rng):
    """Return n rows with the margins of sorted columns and a covariance of normal scores."""
    place = norm.cdf(rng.standard_normal((n, len(root))) @ root.T) * (len(ordered) - 1)
    low = np.minimum(place.astype(int), len(ordered) - 2)
    column, share = np.arange(len(root)), place - low
    return ordered[low, column] * (1 - share) + ordered[low + 1, column] * share


def metrics_of(path):
    quality = read_json(path)["ImageQuality"]
    return [quality[name] for name in METRICS]


def changes(path, names):
    """Return for each variant the differences from the image as it is, shape (images, k), of log volumes."""
    table = pd.read_csv(path, sep="\t")
    volumes = [name for name in table if name.startswith(VOLUME)]
    table[volumes] = np.log(table[volumes].astype(float).clip(lower=1))
    first = table[table["variant"] == "as_is"].set_index("image")[names].astype(float)
    parts = {name: part.set_index("image")[names] for name, part in table.groupby("variant")}
    return {name: (part - first.loc[part.index]).to_numpy(dtype=float) for name, part in parts.items()}


def scans_of(population, numbers, people, sessions, age, sex):
    """Return the scans that an analysis takes."""
    frame = pd.DataFrame(numbers, columns=population.names)
    table = pd.DataFrame({"participant_id": people, "session_id": sessions, "age": age, "sex": sex})
    table["scan"] = [f"{p}_{s}_{i}" for i, (p, s) in enumerate(zip(people, sessions, strict=True))]
    table["predicted_age_years"], table["predicted_male_probability"] = (
        frame["output_age"],
        frame["output_sex"],
    )
    volumes = {name: f"{name.removeprefix(VOLUME)}_mm3" for name in frame if name.startswith(VOLUME)}
    table = pd.concat([table, np.exp(frame[list(volumes)]).rename(columns=volumes)], axis=1)
    table["mask_volume_mm3"] = 1.08 * table["intracranial_mm3"]
    table = pd.concat([table, frame[[METRIC + n for n in METRICS]].set_axis(METRICS, axis=1)], axis=1)
    features = frame.filter(like=FEATURE).to_numpy(dtype=np.float32)
    measures = dict.fromkeys([*volumes.values(), "mask_volume_mm3"], "mm^3") | {"predicted_age_years": "year"}
    return Scans(table, features, np.ones(len(table), bool), measures, METRICS, ())


def without_anatomy(scans):
    names = [n for n in scans.measures if not n.endswith("_mm3")] + ["mask_volume_mm3"]
    measures = {name: scans.measures[name] for name in names}
    gone = [n for n in scans.measures if n not in measures]
    return Scans(scans.table.drop(columns=gone), scans.features, scans.included, measures, scans.metrics, ())


def planted(population, n, sessions, seed):
    """Return scans with planted errors, and the rows of what was planted by name."""
    rng = np.random.default_rng(seed)
    m = n // sessions
    base = population.people(m, rng)
    blocks = [population.changed(base, "second_scan", rng, FACTOR / np.sqrt(2)) for _ in range(sessions)]
    numbers = np.vstack(blocks)
    people = np.tile([f"sub-{i:05d}" for i in range(m)], sessions)
    names = np.repeat([f"ses-{s}" for s in range(sessions)], m)
    order, each, truth = rng.permutation(m), max(1, m // 100), {}
    if sessions > 1:
        exchanged, strangers = order[: 2 * each], order[2 * each : 3 * each]
        a, b = m + exchanged[:each], m + exchanged[each:]
        numbers[np.r_[a, b]] = numbers[np.r_[b, a]]
        numbers[m + strangers] = population.people(each, rng)
        truth["exchanged"] = [(i, i - m) for i in (*a, *b)]
        truth["stranger"] = [(i, i - m) for i in m + strangers]
        order = order[3 * each :]
    start = len(numbers)
    for k, how in enumerate(COPIES):
        chosen = order[k * each : (k + 1) * each]
        numbers = np.vstack([numbers, population.changed(numbers[chosen], how, rng)])
        people = np.r_[people, [f"sub-copy{how}{i}" for i in range(each)]]
        names = np.r_[names, np.repeat("ses-0", each)]
        truth[f"copy, {how}"] = [(start + i, c) for i, c in enumerate(chosen)]
        start += each
    mixed, which = order[-2 * each : -each], [n.startswith(FEATURE) for n in population.names]
    numbers[np.ix_(mixed, np.flatnonzero(which))] = (
        population.people(each * 200, rng)[:, which]
        .reshape(200, each, -1)[np.arange(sum(which)) % 200, :, np.arange(sum(which))]
        .T
    )
    truth["outlier"] = [(i, i) for i in mixed]
    if sessions > 1:
        for how in ("exact", "other_units"):
            chosen = order[len(COPIES) * each :][:each] if how == "exact" else order[-each:]
            numbers[m + chosen] = population.changed(numbers[chosen], how, rng)
            truth[f"copy in session, {how}"] = [(i, i - m) for i in m + chosen]
    sex = np.where(numbers[:, population.names.index("output_sex")] > 0.5, "M", "F").astype(object)
    sex = np.where(rng.random(len(sex)) < 0.1, np.where(sex == "M", "F", "M"), sex)
    sex = pd.Series(sex).groupby(people).transform("first").to_numpy(dtype=object)
    age = numbers[:, population.names.index("output_age")] + rng.normal(0, 9, len(sex))
    if sessions == 1:
        a, b = order[-4 * each : -3 * each], order[-3 * each : -2 * each]
        age[np.r_[a, b]], sex[np.r_[a, b]] = age[np.r_[b, a]], sex[np.r_[b, a]]
        truth["records exchanged"] = [(i, i) for i in (*a, *b)]
    return scans_of(population, numbers, people, names, age, sex), truth


def evaluate(scans, truth):
    """Return shares of what was planted that is found, and false findings per honest scan."""
    started = time.process_time()
    review = analyse(scans, AnalysisSettings()).tables["review"]
    seconds = time.process_time() - started
    review = review[review["kind"] != "drift"]
    place = {name: row for row, name in enumerate(scans.table["scan"])}
    named = [{place[row["scan"]], place.get(row["other_scan"], -1)} for row in review.to_dict("records")]
    kinds = review["kind"].tolist()
    found = {}
    for what, pairs in truth.items():
        right = RIGHT.get(what, ("duplicate", "possible_duplicate"))
        hits = [any(k in right and set(p) & n for k, n in zip(kinds, named, strict=True)) for p in pairs]
        found[what] = float(np.mean(hits))
    dirty = {row for pairs in truth.values() for pair in pairs for row in pair}
    honest = len(scans.table) - len(dirty)
    false = {
        kind: sum(k == kind and not n & dirty for k, n in zip(kinds, named, strict=True))
        for kind in set(kinds)
    }
    return found, sum(false.values()) / honest, false, seconds


def real_copies(resaved, outputs):
    """Print what is found of each variant of real images, among the real scans as they are."""
    records = [read_json(path) for path in sorted(outputs.rglob("*_desc-openS_predictions.json"))]
    paths = sorted(outputs.rglob("*_desc-openS_features.tsv"))
    names = [f"{FEATURE}{i:03d}" for i in range(160)]
    own = pd.DataFrame([np.loadtxt(path, skiprows=1) for path in paths], columns=names)
    volumes = pd.DataFrame([{k: v["Mm3"] for k, v in r["Anatomy"]["Volumes"].items()} for r in records])
    metrics = pd.DataFrame([r["ImageQuality"] for r in records])[list(METRICS)]
    own = pd.concat([own, volumes.add_prefix(VOLUME), metrics.add_prefix(METRIC)], axis=1)
    table = pd.read_csv(resaved, sep="\t")
    table = table[[n for n in table if n in own or n in ("image", "variant")]]
    for variant, copies in table[table["variant"] != "as_is"].groupby("variant", sort=False):
        found, false = 0, 0
        for place in copies.index:
            both = pd.concat([own, copies.loc[[place]]], ignore_index=True)[[n for n in own if n in table]]
            review = analyse(real_scans(both.astype(float)), AnalysisSettings()).tables["review"]
            review = review[review["kind"].isin(["duplicate", "possible_duplicate", "swap"])]
            is_copy = review["scan"] == str(len(own))
            found, false = found + is_copy.any(), false + (~is_copy).sum()
        print(f"{len(own)} real scans and one copy, {variant}: {found} of {len(copies)} found, {false} false")


def real_scans(numbers):
    """Return real scans as an analysis takes them, each of another participant."""
    names = [str(i) for i in range(len(numbers))]
    table = pd.DataFrame(
        {"participant_id": names, "session_id": None, "scan": names, "age": np.nan, "sex": None}
    )
    volumes = {n: f"{n.removeprefix(VOLUME)}_mm3" for n in numbers if n.startswith(VOLUME)}
    metrics = {n: n.removeprefix(METRIC) for n in numbers if n.startswith(METRIC)}
    table = table.join(numbers[[*volumes, *metrics]].rename(columns=volumes | metrics))
    features = numbers.filter(like=FEATURE).to_numpy(dtype=np.float32)
    included = np.ones(len(numbers), bool)
    return Scans(
        table, features, included, dict.fromkeys(volumes.values(), "mm^3"), tuple(metrics.values()), ()
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("resaved", type=Path)
    parser.add_argument("outputs", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    options = parser.parse_args()
    real_copies(options.resaved, options.outputs)
    population = Population(options.people, options.resaved, options.outputs)
    for n in options.sizes:
        for sessions in (1, 2, 3):
            for anatomy in (True, False):
                print(summary(population, n, sessions, options.seeds, anatomy=anatomy), flush=True)


def summary(population, n, sessions, seeds, *, anatomy):
    """Return a line: shares found over all seeds, false findings per honest scan."""
    results = []
    for seed in range(seeds):
        scans, truth = planted(population, n, sessions, seed)
        results.append(evaluate(scans if anatomy else without_anatomy(scans), truth))
    found = pd.DataFrame([result[0] for result in results]).mean()
    shares = ", ".join(f"{what} {share:.3f}" for what, share in found.items())
    false = np.array([result[1] for result in results])
    kinds = pd.DataFrame([result[2] for result in results]).sum().astype(int).to_dict()
    title = f"{n} scans, {sessions} sessions, {'with' if anatomy else 'without'} anatomy"
    rates = f"false {false.mean():.5f} (worst {false.max():.5f}) {kinds}"
    return f"{title}: {rates}; {results[-1][3]:.1f} s; found: {shares}"


if __name__ == "__main__":
    main()
