"""The controls of the age gap: who they are, and the levels of columns that they have."""

from __future__ import annotations

from collections.abc import Sequence

from neurofm_bids.analysis.scans import PARTICIPANT, Scans
from neurofm_bids.bids.participants import conditions, named_participants
from neurofm_bids.errors import Exit
from neurofm_bids.readouts.columns import texts

__all__ = ["control_levels", "control_participants"]


def control_participants(scans: Scans, named: Sequence[str], where: str = "controls") -> set[str]:
    """Return the controls as in the column of the participant.

    Parameters
    ----------
    named
        Labels, and conditions ``COLUMN=VALUE``.
    where
        The key that names them, for messages.

    Raises
    ------
    NeuroFMError
        A participant, a column or a value does not exist (exit code 64).
    """
    columns = {name: texts(scans.table[name]) for name in scans.covariates}
    what = "controls of the age gap"
    labels = named_participants(named, _labels(scans), columns, what, where, Exit.USAGE)
    return {f"sub-{label}" for label in labels}


def control_levels(scans: Scans, named: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the values by column that conditions on controls name."""
    found: dict[str, tuple[str, ...]] = {}
    for column, value in conditions(named, _labels(scans)):
        found[column] = (*found.get(column, ()), value)
    return found


def _labels(scans: Scans) -> list[str]:
    return [str(name).removeprefix("sub-") for name in scans.table[PARTICIPANT]]
