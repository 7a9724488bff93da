"""The kinds of targets and their families."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.readouts.binary import Binary
from neurofm_bids.readouts.family import Family
from neurofm_bids.readouts.gaussian import Gaussian
from neurofm_bids.readouts.multiclass import Multiclass
from neurofm_bids.readouts.ordinal import Ordinal
from neurofm_bids.readouts.task import Kind

__all__ = ["FAMILIES", "family_of"]

# By kind: makes the family from the number of classes.
FAMILIES: Mapping[Kind, Callable[[int], Family]] = {
    "binary": lambda _: Binary(),
    "multiclass": Multiclass,
    "ordinal": Ordinal,
    "regression": lambda _: Gaussian(),
}


def family_of(kind: Kind, classes: int) -> Family:
    """Return the family of a kind of target.

    Raises
    ------
    NeuroFMError
        This version cannot fit the kind.
    """
    if kind not in FAMILIES:
        raise NeuroFMError(
            f"this version of NeuroFM-BIDS cannot fit the kind {kind}",
            fix=f"Leave the task out; the kinds that can be fitted are {', '.join(FAMILIES)}.",
            code=Exit.USAGE,
        )
    return FAMILIES[kind](classes)
