"""Which regression gives the best centiles of new people: simulated cohorts, held-out people.

    python benchmarks/norms_models.py [--sizes 50 200 1000] [--cohorts 40] [--models NAME...] [--out FILE]

The truth is that of the published norms (``norms/published.py``: means over age by sex and head size, sd
between people, log-normal ventricles), as it is and with an sd that grows from 0.8 times at 20 years to 1.4
times at 85. Two more: a predicted age, which is drawn to the middle and spreads more among the old, and a
skewed score.
Ages are even from 20 to 85. Each model is fitted to each cohort, and 4,000 new people are placed by it:

- ``coverage``: difference of the share of people below the 5th, 25th, 75th and 95th centile from these, in
  percentage points: mean of the four and over cohorts.
- ``by_age``: the same within thirds of the ages.
- ``tails``: the same of the 1st and 99th centile within thirds of the ages.
- ``regret``: by how much the mean log density of new people is less than that of the truth, in nats.

Models of PCNtoolkit run only where it is installed: an environment of its own, of more than 1 GB and with
Python before 3.13.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.stats import norm, skewnorm, t

from neurofm_bids.norms.head_size import CRANIUM_PER_ETIV, ETIV_SD_ML
from neurofm_bids.norms.published import ETIV_ML
from neurofm_bids.norms.reference import PUBLISHED
from neurofm_bids.norms.regression import Terms, fit

Array = np.ndarray
AGES, SEED, NEW = (20.0, 85.0), 20261129, 4000
LEVELS, TAILS = (0.05, 0.25, 0.75, 0.95), (0.01, 0.99)


@dataclass(frozen=True)
class People:
    """People of one cohort, (n,): ``log_density`` is that of the truth; ``head`` is eTIV in ml."""

    age: Array
    male: Array
    head: Array
    value: Array
    log_density: Array


def growing(age: Array) -> Array:
    return 0.8 + 0.6 * (age - AGES[0]) / (AGES[1] - AGES[0])


def of_norms(
    key: str, spread: Callable[[Array], Array]
) -> Callable[[Array, Array, Array, np.random.Generator], tuple[Array, Array]]:
    def draw(age: Array, male: Array, head: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        found = [
            PUBLISHED.expect(key, key, float(a), "M" if m else "F", float(h) * CRANIUM_PER_ETIV).distribution
            for a, m, h in zip(age, male, head, strict=True)
        ]
        location = np.array([one.location for one in found])
        scale = np.array([one.scale for one in found]) * spread(age)
        z = rng.normal(size=len(age))
        raw = location + scale * z
        density = norm.logpdf(z) - np.log(scale)
        if found[0].of == "logarithm":
            return np.exp(raw), density - raw
        return raw, density

    return draw


def predicted_age(age: Array, male: Array, head: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    location = 50 + 0.85 * (age - 50) - 0.0035 * (age - 50) ** 2 + male
    scale = 4 * growing(age)
    z = t.rvs(8, size=len(age), random_state=rng)
    return location + scale * z, t.logpdf(z, 8) - np.log(scale)


def skewed_score(age: Array, male: Array, head: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    location, scale = 20 - 0.05 * np.maximum(age - 50, 0) ** 1.2, 3 + 0 * age
    z = skewnorm.rvs(-4, size=len(age), random_state=rng)
    return location + scale * z, skewnorm.logpdf(z, -4) - np.log(scale)


TRUTHS = {
    "brain": of_norms("brain", np.ones_like),
    "hippocampus": of_norms("left_hippocampus", np.ones_like),
    "ventricles": of_norms("lateral_ventricles", np.ones_like),
    "hippocampus, sd grows": of_norms("left_hippocampus", growing),
    "ventricles, sd grows": of_norms("lateral_ventricles", growing),
    "predicted age": predicted_age,
    "skewed score": skewed_score,
}
LOGARITHMIC = {"ventricles", "ventricles, sd grows"}


def people(truth: str, n: int, rng: np.random.Generator) -> People:
    age, male = rng.uniform(*AGES, n), rng.integers(0, 2, n).astype(bool)
    mean, sd = (np.array([one[s] for s in ("F", "M")])[male.astype(int)] for one in (ETIV_ML, ETIV_SD_ML))
    head = mean + sd * rng.normal(size=n)
    return People(age, male, head, *TRUTHS[truth](age, male, head, rng))


Placed = tuple[Array, Array]  # centiles and log densities of new people


def spline(age: Array, knots: Array) -> Array:
    *inner, before, last = knots
    cube = lambda k: np.maximum(age - k, 0) ** 3  # noqa: E731
    curved = [
        (cube(k) - cube(before) * (last - k) / (last - before) + cube(last) * (before - k) / (last - before))
        / (last - knots[0]) ** 2
        for k in inner
    ]
    return np.stack([age, *curved], axis=1) / 10


def design(of: People, training: People, mean: str) -> Array:
    centred = (of.age - training.age.mean()) / 10
    terms = {
        "linear": centred[:, None],
        "quadratic": np.stack([centred, centred**2], axis=1),
        "spline": spline(of.age, np.percentile(training.age, (5, 35, 65, 95))),
    }[mean]
    head = (of.head - training.head.mean()) / 100
    return np.column_stack([np.ones(len(of.age)), terms, of.male, head])


def least_squares(mean: str) -> Callable[[People, People], Placed]:
    """Return normal errors of one sd; predictions have the error of the coefficients (Student)."""

    def fit(training: People, new: People) -> Placed:
        name = (
            ("quadratic" if len(training.age) >= 60 else "linear") if mean == "quadratic or linear" else mean
        )
        x, at = design(training, training, name), design(new, training, name)
        coefficients, *_ = np.linalg.lstsq(x, training.value, rcond=None)
        degrees = len(x) - x.shape[1]
        left = training.value - x @ coefficients
        sd = np.sqrt(left @ left / degrees)
        scale = sd * np.sqrt(1 + np.einsum("ij,jk,ik->i", at, np.linalg.inv(x.T @ x), at))
        z = (new.value - at @ coefficients) / scale
        return t.cdf(z, degrees), t.logpdf(z, degrees) - np.log(scale)

    return fit


def heteroscedastic(mean: str, choose: bool = False) -> Callable[[People, People], Placed]:
    """Return normal errors whose log sd is linear in age, by restricted maximum likelihood."""

    def fit(training: People, new: People) -> Placed:
        name = (
            ("quadratic" if len(training.age) >= 60 else "linear") if mean == "quadratic or linear" else mean
        )
        x, at = design(training, training, name), design(new, training, name)
        decade = (training.age - training.age.mean()) / 10
        slope = log_sd_slope(x, training.value, decade)
        if choose and not is_better(x, training.value, decade, slope):
            slope = 0.0
        relative = np.exp(slope * decade)
        w = x / relative[:, None]
        coefficients, *_ = np.linalg.lstsq(w, training.value / relative, rcond=None)
        degrees = len(x) - x.shape[1] - (slope != 0)
        left = training.value / relative - w @ coefficients
        sd = np.sqrt(left @ left / degrees)
        own = np.exp(slope * (new.age - training.age.mean()) / 10)
        leverage = np.einsum("ij,jk,ik->i", at, np.linalg.inv(w.T @ w), at)
        scale = sd * np.sqrt(own**2 + leverage)
        z = (new.value - at @ coefficients) / scale
        return t.cdf(z, degrees), t.logpdf(z, degrees) - np.log(scale)

    return fit


def restricted(x: Array, y: Array, decade: Array, slope: float) -> float:
    relative = np.exp(slope * decade)
    w = x / relative[:, None]
    coefficients, *_ = np.linalg.lstsq(w, y / relative, rcond=None)
    left = y / relative - w @ coefficients
    degrees = len(x) - x.shape[1]
    return (
        -np.log(relative).sum()
        - degrees / 2 * np.log(left @ left / degrees)
        - np.linalg.slogdet(w.T @ w)[1] / 2
    )


def log_sd_slope(x: Array, y: Array, decade: Array) -> float:
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(lambda s: -restricted(x, y, decade, s), bounds=(-0.5, 0.5), method="bounded")
    return float(found.x)


def is_better(x: Array, y: Array, decade: Array, slope: float) -> bool:
    """Tell whether the likelihood ratio speaks for it (p < 0.05)."""
    return 2 * (restricted(x, y, decade, slope) - restricted(x, y, decade, 0.0)) > 3.84


def of_the_package(training: People, new: People) -> Placed:
    """Return what ``--make-reference`` fits."""

    def observed(of: People) -> list[list[float]]:
        return [terms.row(a, "M" if m else "F", h) for a, m, h in zip(of.age, of.male, of.head, strict=True)]

    n = len(training.age)
    terms = Terms(training.age.mean(), True, n >= 60, ("F", "M"), AGES, training.head.mean())
    made = fit(observed(training), training.value, terms, "linear")
    expected = [
        made.expect(a, "M" if m else "F", h) for a, m, h in zip(new.age, new.male, new.head, strict=True)
    ]
    centiles = norm.cdf([one.z(v) for one, v in zip(expected, new.value, strict=True)])
    step = 1e-4 * training.value.std()
    z = np.array([[one.z(v + h) for h in (-step, step)] for one, v in zip(expected, new.value, strict=True)])
    middle = z.mean(axis=1)
    slope = np.maximum((z[:, 1] - z[:, 0]) / (2 * step), 1e-300)
    return centiles, norm.logpdf(middle) + np.log(slope)


def shash(mean: str) -> Callable[[People, People], Placed]:
    """Return sinh-arcsinh errors (Jones and Pewsey 2009), log sd linear in age, by maximum likelihood."""

    def fit(training: People, new: People) -> Placed:
        x, at = design(training, training, mean), design(new, training, mean)
        start, *_ = np.linalg.lstsq(x, training.value, rcond=None)
        left = training.value - x @ start
        unit, k = left.std(), x.shape[1]
        decade = (training.age - training.age.mean()) / 10

        def parts(parameters: Array, rows: Array, value: Array, decades: Array) -> tuple[Array, Array]:
            b, (s0, s1, skew, tail) = parameters[:k], parameters[k:]
            scale = unit * np.exp(s0 + s1 * decades)
            z = (value - rows @ (start + unit * b)) / scale
            inner = np.exp(tail) * np.arcsinh(z) - skew
            x_of = np.sinh(inner)
            log_density = (
                tail + np.log(np.cosh(inner)) - 0.5 * np.log1p(z**2) - np.log(scale) + norm.logpdf(x_of)
            )
            return norm.cdf(x_of), log_density

        def loss(parameters: Array) -> float:
            penalty = 2 * (parameters[k + 2] ** 2 + 4 * parameters[k + 3] ** 2)
            return -parts(parameters, x, training.value, decade)[1].sum() + penalty

        found = minimize(
            loss,
            np.zeros(k + 4),
            method="L-BFGS-B",
            bounds=[(-5, 5)] * k + [(-1, 1)] * 2 + [(-2, 2), (-1, 1)],
        )
        return parts(found.x, at, new.value, (new.age - training.age.mean()) / 10)

    return fit


def pcntoolkit(warp: str | None, heteroskedastic: bool) -> Callable[[People, People], Placed]:
    """Return Bayesian linear regression of PCNtoolkit, with a B-spline of age."""

    def fit(training: People, new: People) -> Placed:
        import logging

        logging.disable(logging.CRITICAL)
        import pandas as pd
        from pcntoolkit import BLR, BsplineBasisFunction, NormativeModel, NormData

        def data(name: str, of: People) -> NormData:
            frame = pd.DataFrame(
                {"age": of.age, "male": of.male.astype(float), "head": of.head / 100, "y": of.value}
            ).assign(site="a", subject_ids=[str(k) for k in range(len(of.age))])
            return NormData.from_dataframe(
                name, frame, covariates=["age", "male", "head"], batch_effects=["site"], response_vars=["y"],
                subject_ids="subject_ids",
            )  # fmt: skip

        regression = BLR(
            basis_function_mean=BsplineBasisFunction(basis_column=0, nknots=5, degree=3),
            basis_function_var=BsplineBasisFunction(basis_column=0, nknots=3, degree=2),
            heteroskedastic=heteroskedastic,
            warp_name=warp,
        )
        model = NormativeModel(
            regression, savemodel=False, evaluate_model=False, saveresults=False, saveplots=False,
            inscaler="standardize", outscaler="standardize",
        )  # fmt: skip
        made = data("train", training)
        model.fit(made)
        test = data("test", new)
        model.predict(test)
        z = test["Z"].to_numpy().ravel()
        density = test["logp"].to_numpy().ravel()
        return norm.cdf(z), density - np.log(training.value.std())

    return fit


MODELS = {
    "of the package": of_the_package,
    "quadratic or linear": least_squares("quadratic or linear"),
    "linear": least_squares("linear"),
    "quadratic": least_squares("quadratic"),
    "spline": least_squares("spline"),
    "quadratic or linear, sd of age": heteroscedastic("quadratic or linear"),
    "quadratic or linear, sd of age if better": heteroscedastic("quadratic or linear", choose=True),
    "spline, sd of age": heteroscedastic("spline"),
    "spline, sd of age if better": heteroscedastic("spline", choose=True),
    "spline, SHASH": shash("spline"),
    "PCNtoolkit BLR": pcntoolkit(None, False),
    "PCNtoolkit BLR, SHASH warp": pcntoolkit("WarpSinhArcsinh", True),
}


def errors(centiles: Array, levels: tuple[float, ...]) -> float:
    return 100 * float(np.mean([abs((centiles < level).mean() - level) for level in levels]))


def score(placed: Placed, new: People) -> tuple[float, ...]:
    centiles, log_density = placed
    thirds = np.digitize(new.age, np.linspace(*AGES, 4)[1:-1])
    by_age = [errors(centiles[thirds == k], LEVELS) for k in range(3)]
    tails = [errors(centiles[thirds == k], TAILS) for k in range(3)]
    regret = float(np.mean(new.log_density - np.maximum(log_density, -1e3)))
    return errors(centiles, LEVELS), float(np.mean(by_age)), float(np.mean(tails)), regret


def in_logarithms(of: People) -> People:
    return People(of.age, of.male, of.head, np.log(of.value), of.log_density + np.log(of.value))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 200, 1000])
    parser.add_argument("--cohorts", type=int, default=40)
    parser.add_argument("--models", nargs="+", default=[name for name in MODELS if "PCN" not in name])
    parser.add_argument("--truths", nargs="+", default=list(TRUTHS))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    out = options.out.open("w") if options.out else sys.stdout
    print("truth", "n", "model", "coverage", "by_age", "tails", "regret", "cohorts", sep="\t", file=out)
    for truth in options.truths:
        for size in options.sizes:
            found: dict[str, list[tuple[float, ...]]] = {name: [] for name in options.models}
            new = people(truth, NEW, np.random.default_rng((SEED, 1)))
            for number in range(options.cohorts):
                training = people(truth, size, np.random.default_rng((SEED, 2, size, number)))
                pair = (training, new)
                if truth in LOGARITHMIC:
                    pair = (in_logarithms(training), in_logarithms(new))
                for name in options.models:
                    found[name].append(score(MODELS[name](*pair), pair[1]))
            for name, scores in found.items():
                means = np.mean(scores, axis=0)
                print(
                    truth,
                    size,
                    name,
                    *(f"{m:.3f}" for m in means),
                    len(scores),
                    sep="\t",
                    file=out,
                    flush=True,
                )


if __name__ == "__main__":
    main()
