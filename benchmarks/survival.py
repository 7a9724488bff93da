"""Time-to-event readouts against libraries of survival analysis and on people with known hazards.

    python -m benchmarks.survival reference [--write FILE]
    python -m benchmarks.survival simulate SETTING [--cohorts 60] [--aomic FOLDER]
    python -m benchmarks.survival null {none,truncated} [--cohorts 100]
    python -m benchmarks.survival speed

"reference" compares fits, metrics and baselines on the public data that scikit-survival and lifelines ship,
and needs both; with --write it also writes what scikit-survival gives for a simulated cohort, for a test.
"simulate" fits readouts to cohorts of one setting and compares them with the truth in new people; "null" does
so without any effect. All print rows of the tables in docs/risk.md.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurofm_bids.readouts.core import Core
from neurofm_bids.readouts.cox import fit_cox
from neurofm_bids.readouts.cross_validation import Scheme
from neurofm_bids.readouts.hazard_fit import fit_hazards
from neurofm_bids.readouts.hazard_model import event_folds
from neurofm_bids.readouts.hazard_validation import cross_validate, evaluate_hazards
from neurofm_bids.readouts.hazards import absolute_risks, baseline_hazard
from neurofm_bids.readouts.partial_likelihood import PartialLikelihood, RiskSets
from neurofm_bids.readouts.readout import Evaluation, Linear, Metric
from neurofm_bids.readouts.samples import Samples
from neurofm_bids.readouts.survival import SurvivalTimes
from neurofm_bids.readouts.survival_metrics import (
    brier_scores,
    calibration_slope,
    harrell_c,
    integrated_brier,
    time_dependent_auc,
    uno_c,
)
from tests.readouts.simulated_times import KnownHazards, simulate_times

AT = np.array([2.0, 5.0, 8.0])
NEW = 4000  # people on whom fits are compared with the truth
SHOWN = 100  # new people whose intervals are compared with the true risk


@dataclass(frozen=True)
class Setting:
    """A simulated cohort.

    Parameters
    ----------
    people, features
        Their numbers.
    competing
        Whether people can die first.
    latest_entry
        Years after the scan until which follow-up begins.
    effects
        Number of features with an effect; None for all, each a small one.
    """

    people: int
    features: int
    competing: bool
    latest_entry: float
    effects: int | None


SETTINGS: Mapping[str, Setting] = {
    "plain": Setting(1000, 10, False, 0.0, 3),
    "truncated": Setting(1000, 10, False, 3.0, 3),
    "competing": Setting(1000, 10, True, 0.0, 3),
    "both": Setting(1000, 10, True, 3.0, 3),
    "many": Setting(1000, 512, True, 0.0, None),
    "aomic": Setting(226, 68, True, 0.0, 2),
    "aomic-like": Setting(3000, 68, True, 0.0, 2),
}

NULLS: Mapping[str, float] = {"none": 0.0, "truncated": 3.0}  # years until which follow-up begins


def features_of(name: str, count: int, random: np.random.Generator, aomic: Path | None) -> np.ndarray:
    """Return standardised features of people: of AOMIC, with their covariance, or synthetic."""
    setting = SETTINGS[name]
    if name.startswith("aomic"):
        real = thickness(aomic)
        if name == "aomic":
            return real if count == len(real) else real[random.integers(0, len(real), count)]
        return random.multivariate_normal(np.zeros(real.shape[1]), np.cov(real.T), count, method="eigh")
    if setting.effects is None:  # variances of components fall by 1,000, as those of latent features do
        mixing = np.random.default_rng(1).normal(size=(setting.features, setting.features))
        widths = np.logspace(0, -1.5, setting.features)
        values = random.normal(size=(count, setting.features)) * widths @ np.linalg.qr(mixing)[0]
        return values * np.sqrt(setting.features / np.sum(widths**2))
    common = random.normal(size=(count, 1))
    return np.sqrt(0.3) * common + np.sqrt(0.7) * random.normal(size=(count, setting.features))


def thickness(folder: Path) -> np.ndarray:
    """Return the standardised thickness of 68 regions of the cortex of 226 people."""
    halves = []
    for side in ("lh", "rh"):
        path = folder / "fs_stats" / f"data-cortical_type-aparc_measure-thickness_hemi-{side}.tsv"
        rows = [line.split("\t") for line in path.read_text().splitlines()]
        names = rows[0]
        kept = [
            place
            for place, name in enumerate(names)
            if name.startswith(f"{side}_") and "MeanThickness" not in name
        ]
        halves.append(np.array([[float(row[place]) for place in kept] for row in rows[1:]]))
    values = np.hstack(halves)
    return (values - values.mean(axis=0)) / values.std(axis=0)


def effects_of(setting: Setting, features: np.ndarray) -> np.ndarray:
    """Return true log hazard ratios of the event and death for features, then age, (k, p + 1)."""
    event = np.zeros(setting.features + 1)
    if setting.effects is None:
        event[:-1] = np.random.default_rng(2).normal(size=setting.features)
        event[:-1] *= 0.8 / np.std(features @ event[:-1])
    else:
        event[: setting.effects] = (0.6, -0.5, 0.4)[: setting.effects]
    event[-1] = 0.08
    death = np.zeros_like(event)
    death[0], death[-1] = 0.2, 0.1
    return np.array([event, death]) if setting.competing else event[None]


def draw(name: str, count: int, seed: int, aomic: Path | None) -> tuple[Samples, KnownHazards, np.ndarray]:
    """Return scans, their hazards and its true log hazard ratios."""
    setting, random = SETTINGS[name], np.random.default_rng(seed)
    features = features_of(name, count, random, aomic)
    age = random.normal(70, 6, len(features))
    effects = effects_of(setting, features_of(name, 2000, np.random.default_rng(3), aomic))
    log_ratios = np.column_stack([features, age - 70]) @ effects.T
    hazards = KnownHazards(log_ratios, (0.04, 0.03)[: len(effects)], 1.2)
    times, rows = simulate_times(hazards, random, latest_entry=setting.latest_entry)
    samples = Samples(features[rows], age[rows, None], times.target, rows, rows % 1)
    return samples, KnownHazards(log_ratios[rows], hazards.rates, hazards.shape), effects


def simulated(name: str, seed: int, aomic: Path | None) -> dict[str, float]:
    """Fit a readout to a cohort and return how it compares with the truth in new people."""
    samples, _, effects = draw(name, SETTINGS[name].people, seed, aomic)
    causes = tuple(range(1, len(effects) + 1))
    scheme = Scheme(permutations=0, bootstraps=0, replicates=100, seed=seed)
    tested = cross_validate(samples, causes, AT, event_folds(samples, scheme.folds, seed), scheme)
    held_out = harrell_c(SurvivalTimes.of(samples.target), tested.held_out.log_ratios)
    core = fit_hazards(samples, causes, AT, scheme, Evaluation({"c_index": Metric(held_out)}), tested)
    new, hazards, _ = draw(name, NEW, 10_000 + seed, aomic)
    times = SurvivalTimes.of(new.target)
    design = np.hstack([np.ones((len(new), 1)), new.features, new.covariates])
    ratios = np.column_stack([design @ packed(one) for one in core.functions])
    oracle = harrell_c(times, hazards.log_ratios[:, 0])
    found = harrell_c(times, ratios[:, 0])
    risks = absolute_risks(core.baselines, ratios, AT)
    truth = hazards.risks(AT)
    inside = covered_risks(core, design[:SHOWN], truth[:SHOWN])
    return {
        "events": float(np.sum(samples.target[:, 2] == 1)),
        "oracle C": oracle,
        "C": found,
        "held-out C": held_out,
        "slope": calibration_slope(times, ratios[:, 0]),
        "true/predicted 5 y": float(truth[:, 1].mean() / risks[:, 1].mean()),
        "coefficients covered": covered_coefficients(samples, effects[0]),
        "risks covered": float(inside),
        "risk error": float(np.sqrt(np.mean((risks[:, 1] - truth[:, 1]) ** 2))),
    }


def packed(linear: Linear) -> np.ndarray:
    """Return the numbers of a linear function of 1, features and covariates."""
    return np.array([linear.intercept, *linear.coefficients, *linear.covariates])


def covered_risks(core: Core, design: np.ndarray, truth: np.ndarray) -> float:
    """Return the share of intervals, made as by risk_curve, that hold the true risk."""
    functions = [core.functions, *core.replicates]
    risks = np.array(
        [
            absolute_risks(core.baselines, np.column_stack([design @ packed(one) for one in own]), AT)
            for own in functions
        ]
    )
    scale, true = (np.log(-np.log1p(-np.minimum(of, 1 - 1e-12))) for of in (risks, truth))
    return float(np.mean(abs(true - scale[0]) <= 1.96 * scale[1:].std(axis=0, ddof=1)))


def covered_coefficients(samples: Samples, truth: np.ndarray) -> float:
    """Return the share of 95 % intervals of the fit without penalty that hold the true coefficient."""
    columns = np.hstack([samples.features, samples.covariates - 70])
    if columns.shape[1] > 20:
        return np.nan
    sets = RiskSets(SurvivalTimes.of(samples.target))
    beta = fit_cox(columns, sets, np.zeros(columns.shape[1])).coefficients
    information = columns.T @ PartialLikelihood(sets, columns @ beta).information(columns)
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    return float(np.mean(abs(beta - truth) <= 1.96 * errors))


def simulate(name: str, cohorts: int, aomic: Path | None) -> None:
    """Print the mean of each number over cohorts, with its standard deviation."""
    rows = [simulated(name, seed, aomic) for seed in range(cohorts)]
    print(f"{name}, {SETTINGS[name]}, {cohorts} cohorts")
    for key in rows[0]:
        values = np.array([row[key] for row in rows])
        print(f"| {key} | {values.mean():.3f} | {values.std(ddof=1):.3f} |")
    gaps = np.array([row["oracle C"] - row["C"] for row in rows])
    print(f"| C below the oracle | {gaps.mean():.3f} | largest {gaps.max():.3f} |")


def null(name: str, cohorts: int) -> None:
    """Print how often an effect is found in features that have none, by p-value and by interval."""
    rows = []
    for seed in range(cohorts):
        random = np.random.default_rng(seed)
        hazards = KnownHazards(np.zeros((500, 2)), (0.05, 0.03))
        times, kept = simulate_times(hazards, random, latest_entry=NULLS[name])
        features, nothing = random.normal(size=(len(kept), 10)), np.zeros((len(kept), 0))
        samples = Samples(features, nothing, times.target, kept, kept % 1)
        scheme = Scheme(permutations=199, bootstraps=200, replicates=0, seed=seed)
        folds = event_folds(samples, scheme.folds, seed)
        evaluation, _ = evaluate_hazards(samples, (1, 2), (5.0,), folds, scheme)
        low, high = evaluation.metrics["c_index"].interval95 or (np.nan, np.nan)
        rows.append((evaluation.metrics["c_index"].value, evaluation.p_value, low > 0.5, high < 0.5))
    values = np.array(rows, float)
    print(
        f"| {name} | {values[:, 0].mean():.3f} ({values[:, 0].std():.3f}) |"
        f" {np.mean(values[:, 1] <= 0.05):.3f} | {values[:, 2].mean():.3f} | {values[:, 3].mean():.3f} |",
        flush=True,
    )


def speed() -> None:
    """Print seconds of parts of a fit to 1,000 people with 512 features, on one core."""
    samples, _, effects = draw("many", 1000, 0, None)
    causes, scheme = tuple(range(1, len(effects) + 1)), Scheme(replicates=50)
    folds = event_folds(samples, scheme.folds, 0)
    start = time.perf_counter()
    evaluation, tested = evaluate_hazards(samples, causes, AT, folds, scheme)
    middle = time.perf_counter()
    fit_hazards(samples, causes, AT, scheme, evaluation, tested)
    print(f"| evaluation | {middle - start:.1f} s |")
    print(f"| fit and 50 replicates | {time.perf_counter() - middle:.1f} s |")


def public_data() -> dict[str, tuple[np.ndarray, SurvivalTimes]]:
    """Return columns and follow-up of data sets of both libraries."""
    import pandas as pd
    from lifelines.datasets import load_lung, load_rossi
    from sksurv import datasets

    def coded(table: object) -> np.ndarray:
        return np.asarray(pd.get_dummies(table, drop_first=True).to_numpy(float))

    def times(leave: object, event: object) -> SurvivalTimes:
        return SurvivalTimes(
            np.zeros(len(leave)), np.asarray(leave, float), np.asarray(event).astype(np.int8)
        )

    rossi, lung = load_rossi(), load_lung().dropna()
    sets = {
        "rossi": (coded(rossi.drop(columns=["week", "arrest"])), times(rossi.week, rossi.arrest)),
        "lung": (coded(lung.drop(columns=["time", "status", "inst"])), times(lung.time, lung.status)),
    }
    loaders = {"gbsg2": "gbsg2", "veterans": "veterans_lung_cancer", "whas500": "whas500"}
    for name, loader in loaders.items():
        table, ends = getattr(datasets, f"load_{loader}")()
        event, leave = ends.dtype.names
        sets[name] = (coded(table), times(ends[leave], ends[event]))
    return sets


def compare(columns: np.ndarray, times: SurvivalTimes, penalty: float, entry: bool) -> dict[str, float]:
    """Return the largest differences from lifelines, which also fits left truncation."""
    import pandas as pd
    from lifelines import CoxPHFitter

    if entry:
        begun = np.floor(np.random.default_rng(0).uniform(0, np.median(times.exit), len(times)))
        kept = begun < times.exit
        columns, times = columns[kept], SurvivalTimes(begun, times.exit, times.event)[kept]
    mean, sd = columns.mean(axis=0), columns.std(axis=0, ddof=1)
    table = pd.DataFrame((columns - mean) / sd).assign(leave=times.exit, event=times.event, entry=times.entry)
    reference = CoxPHFitter(penalizer=penalty, baseline_estimation_method="breslow")
    options = {"fit_options": {"precision": 1e-12}}
    reference.fit(table, "leave", "event", entry_col="entry", **options)
    standard = (columns - mean) / sd
    fit = fit_cox(standard, RiskSets(times), np.full(columns.shape[1], penalty * len(times)))
    cost = 0.5 * penalty * len(times) * float(fit.coefficients @ fit.coefficients)
    differences = {
        "coefficient": float(abs(fit.coefficients - reference.params_.to_numpy()).max()),
        "log likelihood": abs(fit.log_likelihood - cost - reference.log_likelihood_),
    }
    if not entry:  # the baseline and the C-index of lifelines ignore the entry
        ratios = standard @ fit.coefficients
        baseline = baseline_hazard(times, 1, ratios)
        theirs = reference.baseline_cumulative_hazard_.iloc[:, 0].loc[list(baseline.times)]
        differences["baseline"] = float(abs(theirs.to_numpy() - baseline.cumulative_hazard).max())
        differences["C"] = abs(harrell_c(times, ratios) - reference.concordance_index_)
    return differences


def compare_scikit(columns: np.ndarray, times: SurvivalTimes, penalty: float) -> dict[str, float]:
    """Return the largest differences from scikit-survival."""
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    standard = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    ends = Surv.from_arrays(times.event.astype(bool), times.exit)
    model = CoxPHSurvivalAnalysis(alpha=penalty, ties="efron", tol=1e-12, n_iter=200).fit(standard, ends)
    fit = fit_cox(standard, RiskSets(times), np.full(columns.shape[1], penalty))
    ratios = standard @ fit.coefficients
    baseline = baseline_hazard(times, 1, ratios)
    own = np.array(baseline.cumulative_hazard)
    theirs = model.cum_baseline_hazard_(np.array(baseline.times))
    at = np.quantile(times.exit[times.event == 1], [0.25, 0.5, 0.75])
    risks = absolute_risks([baseline], ratios[:, None], at)
    reference = scikit_metrics(ends, ratios, risks, at)
    ours = our_metrics(times, ratios, risks, at)
    metrics = {key: float(np.max(np.abs(np.subtract(ours[key], reference[key])))) for key in ours}
    return {
        "coefficient": float(abs(fit.coefficients - model.coef_).max()),
        "baseline": float(abs(own - theirs).max()),
    } | metrics


def our_metrics(
    times: SurvivalTimes, scores: np.ndarray, risks: np.ndarray, at: np.ndarray
) -> dict[str, object]:
    """Return metrics by the names of the reference file."""
    return {
        "harrell_c": harrell_c(times, scores),
        "uno_c": uno_c(times, scores, float(at[-1])),
        "auc": [time_dependent_auc(times, scores, one) for one in at],
        "brier": brier_scores(times, risks, at).tolist(),
        "integrated_brier": integrated_brier(times, risks, at),
    }


def scikit_metrics(
    ends: np.ndarray, scores: np.ndarray, risks: np.ndarray, at: np.ndarray
) -> dict[str, object]:
    """Return the same metrics by scikit-survival."""
    from sksurv import metrics

    event, leave = ends.dtype.names
    return {
        "harrell_c": metrics.concordance_index_censored(ends[event], ends[leave], scores)[0],
        "uno_c": metrics.concordance_index_ipcw(ends, ends, scores, at[-1])[0],
        "auc": metrics.cumulative_dynamic_auc(ends, ends, scores, at)[0].tolist(),
        "brier": metrics.brier_score(ends, ends, 1 - risks, at)[1].tolist(),
        "integrated_brier": metrics.integrated_brier_score(ends, ends, 1 - risks, at),
    }


def reference(path: Path | None) -> None:
    """Print the largest differences from the reference libraries, and write the values of a test."""
    import lifelines
    import sksurv

    print(f"lifelines {lifelines.__version__}, scikit-survival {sksurv.__version__}")
    for name, (columns, times) in public_data().items():
        for penalty in (0.0, 0.1):
            for entry in (False, True):
                rows = compare(columns, times, penalty, entry)
                print(name, "lifelines", penalty, entry, {key: f"{value:.1e}" for key, value in rows.items()})
            if name == "rossi":  # all are censored at one time, where scikit-survival has no weights
                continue
            rows = compare_scikit(columns, times, penalty * len(times))
            print(name, "scikit-survival", penalty, {key: f"{value:.1e}" for key, value in rows.items()})
    if path is not None:
        path.write_text(json.dumps(reference_values(), indent=1) + "\n")


def reference_values() -> dict[str, object]:
    """Return a simulated cohort and its metrics by scikit-survival."""
    import sksurv
    from sksurv.util import Surv

    random = np.random.default_rng(0)
    scores = random.normal(size=150).round(1)
    hazards = KnownHazards(scores[:, None], (0.1,))
    times, _ = simulate_times(hazards, random)
    leave, at = times.exit.round(4), np.array([2.0, 4.0, 6.0])
    ends = Surv.from_arrays(times.event.astype(bool), leave)
    risks = hazards.risks(at).round(6)
    return {
        "made_by": f"benchmarks/survival.py, scikit-survival {sksurv.__version__}",
        "exit": leave.tolist(),
        "event": times.event.tolist(),
        "scores": scores.tolist(),
        "at": at.tolist(),
        "until": float(at[-1]),
        "risks": risks.tolist(),
        **scikit_metrics(ends, scores, risks, at),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("reference").add_argument("--write", type=Path)
    simulation = commands.add_parser("simulate")
    simulation.add_argument("setting", choices=SETTINGS)
    simulation.add_argument("--cohorts", type=int, default=60)
    simulation.add_argument("--aomic", type=Path)
    nothing = commands.add_parser("null")
    nothing.add_argument("follow_up", choices=NULLS)
    nothing.add_argument("--cohorts", type=int, default=100)
    commands.add_parser("speed")
    options = parser.parse_args()
    if options.command == "reference":
        reference(options.write)
    elif options.command == "simulate":
        simulate(options.setting, options.cohorts, options.aomic)
    elif options.command == "null":
        null(options.follow_up, options.cohorts)
    else:
        speed()


if __name__ == "__main__":
    main()
