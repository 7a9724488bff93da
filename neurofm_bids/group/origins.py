"""How the scans of a cohort were made, where that must be the same for all."""

from __future__ import annotations

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.records.cohort import Cohort
from neurofm_bids.records.origin import Origin

__all__ = ["one_origin"]


def one_origin(cohort: Cohort, what: str) -> Origin:
    """Return how all scans of a cohort were made.

    Parameters
    ----------
    what
        What cannot be done otherwise, the beginning of a sentence.

    Raises
    ------
    NeuroFMError
        Some scans were made differently.
    """
    # A scan without segmentation agrees with any segmentation, so one with it stands for all.
    origin = max(cohort.origins, key=lambda origin: origin.anatomy_weights_sha256 is not None)
    if why := next(filter(None, map(origin.difference, cohort.origins)), ""):
        raise NeuroFMError(
            f"{what} scans that were made differently: some were {why}",
            fix="Run the participant level again for all of them.",
        )
    return origin
