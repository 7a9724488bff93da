"""The scans that a readout is fitted to, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

__all__ = ["Samples"]

_Values = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Samples:
    """Scans with a known target and known covariates.

    Parameters
    ----------
    features
        Shape (n, p), in their own units.
    covariates
        Coded, shape (n, q).
    target
        Shape (n,): values, or numbers of classes; of the kind time-to-event shape (n, k).
    people
        Number of the person of each scan, shape (n,): people are what is counted.
    sites
        Number of the site of each scan, shape (n,).
    is_harmonised
        Whether features are standardised within sites.
    together
        Number of what must not be split, such as a family, of each scan, shape (n,); None for people. All
        scans of a person are in one.
    """

    features: _Values
    covariates: _Values
    target: _Values
    people: _Ints
    sites: _Ints
    is_harmonised: bool = False
    together: _Ints | None = None

    @property
    def blocks(self) -> _Ints:
        """Number of what folds, bootstrap and permutations keep together, shape (n,)."""
        return self.people if self.together is None else self.together

    @property
    def has_sites(self) -> bool:
        """Whether scans are of several sites."""
        return len(np.unique(self.sites)) > 1

    @property
    def blocks_in_words(self) -> str:
        """What the blocks are, in the plural."""
        return "people" if self.together is None else "groups of people"

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Samples:
        """Return some of the scans."""
        names = ("features", "covariates", "target", "people", "sites")
        together = None if self.together is None else self.together[rows]
        return replace(self, together=together, **{name: getattr(self, name)[rows] for name in names})

    def __len__(self) -> int:
        return len(self.people)
