"""What a scan of the gauntlet is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import pytest


@dataclass(frozen=True)
class Case:
    """One scan of the gauntlet.

    Parameters
    ----------
    name
        Label of the participant that carries it.
    what
        A plain phrase for the documentation.
    make
        Writes the input: ``make(path, brain)``, where ``path`` is the usual place of the T1w.
    outcome
        ``processed``, ``flagged`` or ``refused``.
    says
        Part of the sentence of a refusal, or the name of the flag.
    scan
        Path of the scan in the dataset, if it is not the usual one.
    slow
        Whether it belongs to the second run, of scans that only need time.
    """

    name: str
    what: str
    make: Callable[[Path, nib.Nifti1Image], None]
    outcome: str
    says: str = ""
    scan: str = ""
    slow: bool = False

    @property
    def code(self) -> int:
        """Exit code of a run of this case alone."""
        return 1 if self.outcome == "refused" else 0

    @property
    def path(self) -> str:
        """Path of the scan in the dataset."""
        return self.scan or f"sub-{self.name}/anat/sub-{self.name}_T1w.nii.gz"

    @property
    def expected(self) -> str:
        """The outcome in words, for the documentation."""
        said = f": {self.says}" if self.says else ""
        return f"{self.outcome}{said}, exit code {self.code}"


def params(cases):
    """Return the cases as parameters of a test, each marked with its row of the documentation."""
    return [pytest.param(case, id=case.name, marks=_marks(case)) for case in cases]


def _marks(case):
    fault = pytest.mark.fault(case.what, case.expected)
    return [fault, pytest.mark.slow] if case.slow else [fault]
