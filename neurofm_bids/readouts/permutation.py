"""Whether a target is read better than by chance: permutations within sites, and Holm's correction."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurofm_bids.readouts.basis import PENALTIES, decompose
from neurofm_bids.readouts.samples import Samples
from neurofm_bids.readouts.transform import learn_transform

__all__ = ["Permuter", "holm", "holm_values", "p_value"]

_Values = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.intp]


def p_value(samples: Samples, coded: _Values, folds: _Ints, permutations: int, seed: int) -> float:
    """Return the share of permutations, the target as it is among them, that are read as well or better.

    The statistic is the correlation within folds of the coded target with held-out values of ridge
    regression, the mean over columns and the largest over penalties, so that no penalty is chosen with the
    target as it is. It is computed in the same way for each permutation. Targets change places within sites,
    so that a target whose frequency differs between sites is not read by telling sites apart.

    Parameters
    ----------
    coded
        Target as numbers, shape (n, c).
    folds
        Outer fold of each scan, shape (n,).
    """
    rng = np.random.default_rng(seed)
    permuter = Permuter(samples.target, samples.blocks, samples.sites)
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
    """Gives scans the targets of other people of the same sites: those with equally many scans change places.

    Where all scans of each person have one target, any two people of the same sites may change places. Those
    who were scanned at several sites change places with those of just these. Groups of people that are not
    split change places like people.

    Parameters
    ----------
    target
        Shape (n,) or (n, k).
    people
        Number of the person, or of the group that is not split, of each scan, shape (n,).
    sites
        Number of the site of each scan, shape (n,).
    """

    def __init__(self, target: _Values, people: _Ints, sites: _Ints) -> None:
        order = np.argsort(people, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(people[order]) != 0])
        blocks = np.split(order, starts[1:])
        columns = target.reshape(len(people), -1)
        is_whole = all(
            np.array_equal(columns[block], columns[block[:1]].repeat(len(block), 0)) for block in blocks
        )
        alike: dict[Hashable, list[_Ints]] = {}
        for block in blocks:
            size = 0 if is_whole else len(block)
            alike.setdefault((size, *np.unique(sites[block])), []).append(block)
        self._alike = [_Alike.of(blocks, is_whole=is_whole) for blocks in alike.values()]
        self._count = len(people)

    def rows(self, rng: np.random.Generator) -> _Ints:
        """Return, for each scan, the scan whose target it gets, shape (n,)."""
        rows = np.empty(self._count, dtype=np.intp)
        for alike in self._alike:
            rows[alike.rows] = rng.permutation(alike.given)[alike.person, alike.scan]
        return rows


@dataclass(frozen=True)
class _Alike:
    """People who may change places: their rows, whose and which scan each is, and what each person gives."""

    rows: _Ints
    person: _Ints
    scan: _Ints
    given: _Ints

    @classmethod
    def of(cls, blocks: list[_Ints], *, is_whole: bool) -> _Alike:
        person = np.repeat(np.arange(len(blocks)), list(map(len, blocks)))
        scan = np.concatenate([np.arange(len(block)) for block in blocks])
        given = np.stack([block[:1] if is_whole else block for block in blocks])
        return cls(np.concatenate(blocks), person, scan * (not is_whole), given)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values corrected for their number (Holm 1979).

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'c': 0.06, 'b': 0.06}
    """
    names = sorted(p_values, key=lambda name: (p_values[name], name))
    corrected = holm_values(np.array([p_values[name] for name in names], dtype=np.float64))
    return dict(zip(names, corrected.tolist(), strict=True))


def holm_values(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return p-values corrected for their number (Holm 1979), shape (n,); NaN stay and do not count.

    >>> holm_values(np.array([0.01, 0.04, np.nan, 0.03])).round(2)
    array([0.03, 0.06,  nan, 0.06])
    """
    corrected, known = np.full(len(p), np.nan), np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected
