"""Derivatives of other programs that a run is given."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DERIVATIVES", "GivenDerivative", "given_derivative"]

DERIVATIVES = "derivatives"  # value of the options whose images can come from there
_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]*)=(.+)", re.DOTALL)


@dataclass(frozen=True)
class GivenDerivative:
    """A derivative dataset.

    Parameters
    ----------
    name
        That of BIDS URIs; empty where it is still to be taken from the folder.
    path
        Its folder.
    """

    name: str
    path: Path

    def __str__(self) -> str:
        return f"{self.name}={self.path}" if self.name else str(self.path)


def given_derivative(text: str) -> GivenDerivative:
    """Read NAME=PATH, or a path alone.

    >>> given_derivative("fmriprep=/data/out").name, given_derivative("/data/a=b").name
    ('fmriprep', '')
    """
    match = _NAMED.fullmatch(text)
    name, path = match.groups() if match else ("", text)
    if not path:
        raise ValueError(text)
    return GivenDerivative(name, Path(path))


given_derivative.__name__ = "derivative such as fmriprep=/data/fmriprep"
