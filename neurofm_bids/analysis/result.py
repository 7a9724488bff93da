"""What an analysis of a cohort gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Result"]


@dataclass(frozen=True)
class Result:
    """Tables, and sentences about what could not be done.

    Parameters
    ----------
    tables
        By their name in ``bids.names.GROUP_OUTPUTS``; the data dictionary describes their columns.
    remarks
        Sentences on what was not done, and why.
    failed
        Analyses that ended with an unexpected error.
    """

    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
