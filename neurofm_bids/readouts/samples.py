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
        Number of the person (or other group) of each scan, shape (n,): scans of one are never split.
    sites
        Number of the site of each scan, shape (n,).
    is_harmonised
        Whether features are standardised within sites.
    """

    features: _Values
    covariates: _Values
    target: _Values
    people: _Ints
    sites: _Ints
    is_harmonised: bool = False

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Samples:
        """Return some of the scans."""
        names = ("features", "covariates", "target", "people", "sites")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def __len__(self) -> int:
        return len(self.people)
