"""Nested cross-validation: all that is learned from data is learned inside the folds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from neurofm_bids.readouts.basis import PENALTIES, Basis, Solution, decompose
from neurofm_bids.readouts.family import Calibration, Family, HeldOut
from neurofm_bids.readouts.folds import site_folds, stratified_folds
from neurofm_bids.readouts.samples import Samples
from neurofm_bids.readouts.transform import Transform, learn_transform

__all__ = [
    "Fitted",
    "Scheme",
    "Selection",
    "cross_validate",
    "cross_validate_beside",
    "fit_at",
    "fitted",
    "outer_folds",
    "select",
]

_Values = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Scheme:
    """How scans are split, and how often things are repeated.

    Parameters
    ----------
    folds
        Outer folds, and inner folds of each training.
    permutations, bootstraps, replicates
        Permutations of the null, bootstrap samples of the intervals of metrics, and of the fit.
    seed
        Of all random numbers.
    """

    folds: int = 5
    permutations: int = 1000
    bootstraps: int = 1000
    replicates: int = 50
    seed: int = 0


@dataclass(frozen=True)
class Selection:
    """The penalty chosen in the folds of a training, relative, and the recalibration of its predictions.

    ``functions`` are those of its scans when held out, before recalibration, shape (n, m).
    """

    penalty: float
    calibration: Calibration
    functions: _Values


@dataclass(frozen=True)
class Fitted:
    """A model as fitted to the scans of a training."""

    transform: Transform
    directions: _Values
    solution: Solution

    def values(self, samples: Samples) -> _Values:
        """Return the functions of scans, shape (n, m)."""
        return self.solution.values(self.transform.apply(samples) @ self.directions)


def outer_folds(samples: Samples, family: Family, scheme: Scheme, *, by_site: bool) -> _Ints:
    """Return the outer fold of each scan: sites, or blocks spread evenly over classes."""
    if by_site:
        return site_folds(samples.blocks, samples.sites)
    return stratified_folds(samples.blocks, family.strata(samples.target), scheme.folds, scheme.seed)


@dataclass(frozen=True)
class _Split:
    """A training with its inner folds, and the scans that are held out."""

    train: Samples
    test: Samples
    inner: _Ints


@dataclass(frozen=True)
class _Read:
    """How the held-out scans of a split are read; ``functions`` before recalibration, shape (n, m)."""

    selection: Selection
    functions: _Values
    values: _Values
    predictions: _Values
    shares: _Values


def cross_validate(
    samples: Samples,
    family: Family,
    folds: _Ints,
    scheme: Scheme,
    usable: npt.NDArray[np.bool_] | None = None,
) -> HeldOut:
    """Return the predictions of each scan by the model that was selected and fitted without its fold.

    Parameters
    ----------
    usable
        Which scans may be in a training, shape (n,); None for all.
    """
    reads = [_read(split, family) for split in _splits(samples, family, folds, scheme, usable)]
    return _joined(samples, folds, reads)


def cross_validate_beside(
    samples: Samples, family: Family, folds: _Ints, scheme: Scheme
) -> tuple[HeldOut, HeldOut]:
    """Return what :func:`cross_validate` does, and the same of covariates with the functions it reads.

    The second model has the covariates and the functions as its features. In each training the functions are
    those of inner scans that were held out, so that it learns what the functions add to covariates.
    """
    reads, beside = [], []
    for split in _splits(samples, family, folds, scheme):
        read = _read(split, family)
        train = _beside(split.train, read.selection.functions)
        reads.append(read)
        beside.append(_read(_Split(train, _beside(split.test, read.functions), split.inner), family))
    return _joined(samples, folds, reads), _joined(samples, folds, beside)


def _beside(samples: Samples, functions: _Values) -> Samples:
    """Return scans whose features are their covariates and functions."""
    features = np.hstack([samples.covariates, functions])
    return replace(samples, features=features, covariates=samples.covariates[:, :0], is_harmonised=False)


def _splits(
    samples: Samples,
    family: Family,
    folds: _Ints,
    scheme: Scheme,
    usable: npt.NDArray[np.bool_] | None = None,
) -> Iterator[_Split]:
    for fold in np.unique(folds):
        is_train = folds != fold if usable is None else (folds != fold) & usable
        train = samples.take(is_train)
        strata = family.strata(train.target)
        inner = stratified_folds(train.blocks, strata, scheme.folds, scheme.seed + 1 + int(fold))
        yield _Split(train, samples.take(folds == fold), inner)


def _read(split: _Split, family: Family) -> _Read:
    selection = select(split.train, family, split.inner)
    functions = fit_at(split.train, family, selection.penalty).values(split.test)
    values = selection.calibration.apply(functions)
    predictions = family.predict(values, selection.calibration.shape)
    shares = np.tile(family.shares(split.train.target), (len(split.test), 1))
    return _Read(selection, functions, values, predictions, shares)


def _joined(samples: Samples, folds: _Ints, reads: Sequence[_Read]) -> HeldOut:
    order = np.argsort(np.concatenate([np.flatnonzero(folds == fold) for fold in np.unique(folds)]))
    parts = ((read.values, read.predictions, read.shares) for read in reads)
    values, predictions, shares = (np.concatenate(rows)[order] for rows in zip(*parts, strict=True))
    return HeldOut(samples.target, values, predictions, shares, folds, samples.blocks)


def select(samples: Samples, family: Family, folds: _Ints) -> Selection:
    """Choose the penalty with the least loss of held-out scans, of equal ones the strongest.

    The recalibration is that of the held-out functions of this penalty.
    """
    losses = np.zeros(len(PENALTIES))
    held: list[_Values] = []
    for fold in np.unique(folds):
        rows = np.flatnonzero(folds == fold)
        train, test = samples.take(folds != fold), samples.take(rows)
        transform, basis = _prepared(train)
        scores = transform.apply(test) @ basis.directions
        for place, fit in enumerate(family.path(basis, train.target, _absolute(PENALTIES, basis))):
            values = fit.values(scores)
            losses[place] += family.losses(values, fit.shape, test.target).sum()
            if len(held) <= place:
                held.append(np.empty((len(samples), values.shape[1])))
            held[place][rows] = values
    best = int(np.argmin(losses))
    return Selection(PENALTIES[best], family.recalibrate(held[best], samples.target), held[best])


def fit_at(samples: Samples, family: Family, penalty: float) -> Fitted:
    """Fit a model with a relative penalty."""
    return fitted(*_prepared(samples), samples.target, family, penalty)


def fitted(transform: Transform, basis: Basis, target: _Values, family: Family, penalty: float) -> Fitted:
    """Fit a model to features that were transformed and decomposed before."""
    (solution,) = family.path(basis, target, _absolute((penalty,), basis))
    return Fitted(transform, basis.directions, solution)


def _prepared(samples: Samples) -> tuple[Transform, Basis]:
    transform = learn_transform(samples)
    return transform, decompose(transform.apply(samples))


def _absolute(penalties: Sequence[float], basis: Basis) -> list[float]:
    return [penalty * basis.size for penalty in penalties]
