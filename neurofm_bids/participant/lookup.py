"""Which files of other programs a scan is processed with."""

from __future__ import annotations

from dataclasses import dataclass

from neurofm_bids.bids.derivative_layouts import BIAS_CORRECTED, MASK, Use
from neurofm_bids.bids.derived import DerivedFile, find_derived
from neurofm_bids.bids.discovery import Scan
from neurofm_bids.bids.problems import Problem
from neurofm_bids.config import Processing
from neurofm_bids.derivative_options import DERIVATIVES

__all__ = ["Lookup", "look_up"]


@dataclass(frozen=True)
class Lookup:
    """Images of other programs that take the place of steps of a scan.

    Parameters
    ----------
    files
        Those that were found.
    missing
        What the others are used as.
    problem
        Why the first of these cannot be used; None if all were found.
    """

    files: tuple[DerivedFile, ...] = ()
    missing: frozenset[Use] = frozenset()
    problem: Problem | None = None


def look_up(scan: Scan, processing: Processing) -> Lookup:
    """Return the images of other programs that a scan is processed with, as far as derivatives have them."""
    methods = {MASK: processing.skull_strip, BIAS_CORRECTED: processing.bias_correction}
    files: list[DerivedFile] = []
    missing: set[Use] = set()
    problems: list[Problem] = []
    for kind in (kind for kind, method in methods.items() if method == DERIVATIVES):
        file = find_derived(scan, kind, processing.derivatives)
        if isinstance(file, DerivedFile):
            files.append(file)
            continue
        problems.append(file)
        missing |= {kind.use, "transform"} if kind.of_average else {kind.use}
    return Lookup(tuple(files), frozenset(missing), problems[0] if problems else None)
