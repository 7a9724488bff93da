"""The kinds of targets that can be fitted, and what fits each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.readouts.assembly import Assembled
from neurofm_bids.readouts.core import Core
from neurofm_bids.readouts.cross_validation import Scheme
from neurofm_bids.readouts.hazard_fit import fit_times
from neurofm_bids.readouts.linear_fit import fit_linear
from neurofm_bids.readouts.task import Kind, Task

__all__ = ["FITTERS", "Fitter", "fitter_of"]

# Gets the assembled scans, the task, the scheme, and predictions (n, k) of these scans to compare with.
Fitter = Callable[[Assembled, Task, Scheme, npt.NDArray[np.float64] | None], Core]
# A new kind is a line here and one in neurofm_bids.readouts.targets.
FITTERS: dict[Kind, Fitter] = {
    "regression": fit_linear,
    "binary": fit_linear,
    "multiclass": fit_linear,
    "ordinal": fit_linear,
    "time-to-event": fit_times,
}


def fitter_of(task: Task) -> Fitter:
    """Return what fits the kind of a task.

    Raises
    ------
    NeuroFMError
        This version cannot fit the kind.
    """
    if task.kind not in FITTERS:
        raise NeuroFMError(
            f"this version of NeuroFM-BIDS cannot fit the kind {task.kind}",
            where=f"task {task.name}",
            fix=f"Leave the task out; the kinds that can be fitted are {', '.join(FITTERS)}.",
            code=Exit.USAGE,
        )
    return FITTERS[task.kind]
