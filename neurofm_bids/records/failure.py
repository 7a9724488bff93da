"""Why one scan could not be processed."""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from neurofm_bids.errors import Exit
from neurofm_bids.records.schema import RECORD

__all__ = ["FAILURE_COLUMNS", "Failure"]

FAILURE_COLUMNS = ("scan", "step", "reason", "fix")  # of ``failed.tsv``


@dataclass(frozen=True, config=RECORD)
class Failure:
    """Why one scan could not be processed.

    Parameters
    ----------
    scan
        Path of the T1w relative to the dataset.
    subject
        Participant label.
    stem
        File name without its suffix, or an empty text if there is no scan.
    step
        Where it failed: ``select`` or one of the steps.
    reason, fix
        One sentence each: what is wrong, what to do.
    traceback
        For the crash file; empty for expected failures.
    code
        Exit code of its kind.
    """

    scan: str
    subject: str
    stem: str
    step: str
    reason: str
    fix: str
    traceback: str = ""
    code: Exit = Exit.DATA

    def row(self) -> dict[str, str]:
        """Return its row of ``failed.tsv``."""
        return {name: getattr(self, name) for name in FAILURE_COLUMNS}
