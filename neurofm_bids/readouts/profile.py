"""The profile of a scan: what all readouts say of it, by domain."""

from __future__ import annotations

from collections.abc import Sequence

from neurofm_bids.readouts.apply import Measured, score
from neurofm_bids.readouts.readout import Readout
from neurofm_bids.readouts.task import DOMAINS
from neurofm_bids.records.score import Profile

__all__ = ["profile"]


def profile(readouts: Sequence[Readout], scan: Measured, quality: str) -> Profile:
    """Return the scores of a scan by domain, within a domain in the order of the readouts.

    Parameters
    ----------
    quality
        Judgement of the scan.
    """
    scores = [score(readout, scan) for readout in readouts]
    by_domain = {domain: tuple(one for one in scores if one.domain == domain) for domain in DOMAINS}
    return Profile(quality, {domain: found for domain, found in by_domain.items() if found})
