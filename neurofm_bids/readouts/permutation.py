"""Whether a target is read better than by chance: permutations of people, and Holm's correction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from neurofm_bids.readouts.basis import PENALTIES, decompose
from neurofm_bids.readouts.samples import Samples
from neurofm_bids.readouts.transform import learn_transform

__all__ = ["Permuter", "holm", "p_value"]

_Values = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.intp]


def p_value(samples: Samples, coded: _Values, folds: _Ints, permutations: int, seed: int) -> float:
    """Return the share of permutations, the target as it is among them, that are read as well or better.

    The statistic is the correlation within folds of the coded target with held-out values of ridge
    regression, the mean over columns and the largest over penalties, so that no penalty is chosen with the
    target as it is. It is computed in the same way for each permutation, which makes the test exact.

    Parameters
    ----------
    coded
        Target as numbers, shape (n, c).
    folds
        Outer fold of each scan, shape (n,).
    """
    rng = np.random.default_rng(seed)
    permuter = Permuter(samples.target, samples.blocks)
    orders = [np.arange(len(samples)), *(permuter.rows(rng) for _ in range(permutations))]
    targets = np.stack([coded[order] for order in orders], axis=1)  # (n, b, c)
    count, width = targets.shape[1:]
    flat = targets.reshape(len(samples), -1)
    sums = np.zeros((len(PENALTIES), 3, flat.shape[1]))
    for fold in np.unique(folds):
        is_train = folds != fold
        held = _held_out(samples, flat, is_train)
        centred = flat[~is_train] - flat[~is_train].mean(axis=0)
        for place, values in enumerate(held):
            own = values - values.mean(axis=0)
            sums[place] += [(own * centred).sum(axis=0), (own**2).sum(axis=0), (centred**2).sum(axis=0)]
    spread = np.sqrt(sums[:, 1] * sums[:, 2])
    correlations = np.divide(sums[:, 0], spread, out=np.zeros_like(spread), where=spread > 0)
    best = correlations.reshape(len(PENALTIES), count, width).mean(axis=2).max(axis=0)
    return float(np.mean(best >= best[0] - _ROUNDING))


_ROUNDING = 1e-10


def _held_out(samples: Samples, targets: _Values, is_train: npt.NDArray[np.bool_]) -> Iterator[_Values]:
    """Yield the values of ridge regression of held-out scans, shape (m, b c), for each penalty."""
    train = samples.take(is_train)
    transform = learn_transform(train)
    basis = decompose(transform.apply(train))
    own = targets[is_train]
    products = basis.scores.T @ (own - own.mean(axis=0))
    scores = transform.apply(samples.take(~is_train)) @ basis.directions
    for penalty in PENALTIES:
        yield (scores / (basis.squares + penalty * basis.size)) @ products


class Permuter:
    """Gives scans the targets of other people: people with equally many scans change places.

    Where all scans of each person have one target, any two people may change places.

    Parameters
    ----------
    target
        Shape (n,) or (n, k).
    people
        Number of the person of each scan, shape (n,).
    """

    def __init__(self, target: _Values, people: _Ints) -> None:
        order = np.argsort(people, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(people[order]) != 0])
        blocks = np.split(order, starts[1:])
        columns = target.reshape(len(people), -1)
        if all(np.array_equal(columns[block], columns[block[:1]].repeat(len(block), 0)) for block in blocks):
            firsts = np.array([block[0] for block in blocks])
            self._of_person: tuple[_Ints, _Ints] | None = firsts, np.searchsorted(people[firsts], people)
        else:
            self._of_person = None
        sizes = np.array([len(block) for block in blocks])
        alike = [np.flatnonzero(sizes == size) for size in np.unique(sizes)]
        self._groups = [np.stack([blocks[place] for place in places]) for places in alike]
        self._count = len(people)

    def rows(self, rng: np.random.Generator) -> _Ints:
        """Return, for each scan, the scan whose target it gets, shape (n,)."""
        if self._of_person is not None:
            firsts, person = self._of_person
            return np.asarray(rng.permutation(firsts)[person])
        rows = np.empty(self._count, dtype=np.intp)
        for group in self._groups:
            rows[group] = rng.permutation(group, axis=0)
        return rows


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values corrected for their number (Holm 1979).

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'c': 0.06, 'b': 0.06}
    """
    corrected: dict[str, float] = {}
    highest = 0.0
    for place, name in enumerate(sorted(p_values, key=lambda name: (p_values[name], name))):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[name]))
        corrected[name] = round(highest, 12)
    return corrected
