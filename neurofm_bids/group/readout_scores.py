"""The scores of readouts that the participant level wrote, as the group level uses them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from neurofm_bids.bids.derivatives import Derivatives, Named, image_sidecar
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.records.cohort import Member
from neurofm_bids.records.schema import from_json
from neurofm_bids.records.score import Profile, Score
from neurofm_bids.storage.text import printable, read_json, some_of

__all__ = ["of_one_readout", "read_scores"]


def read_scores(out: Derivatives, scan: Named) -> tuple[tuple[Score, ...], str]:
    """Return the scores of a scan; none, and why, if the file that holds them cannot be read."""
    path = image_sidecar(out.path(scan, "readouts"))
    if not path.is_file():
        return (), ""
    try:
        return from_json(Profile, read_json(path)["Profile"]).scores, ""
    except (OSError, ValueError, KeyError, TypeError, NeuroFMError) as error:
        reason = " ".join(str(error).split())
        return (), f"The scores of {printable(scan.stem)} cannot be read and are left out: {reason}"


def of_one_readout(members: Sequence[Member]) -> tuple[tuple[Member, ...], tuple[str, ...]]:
    """Return the scans without scores by another readout of a name than that of most scans, and warnings."""
    if not any(member.scores for member in members):
        return tuple(members), ()
    usual = _usual_digests(members)
    kept, others = [], dict[str, list[str]]()
    for member in members:
        scores = tuple(one for one in member.scores if one.digest == usual[one.name])
        kept.append(replace(member, scores=scores))
        for one in member.scores:
            if one not in scores:
                others.setdefault(one.name, []).append(member.scan.stem)
    warnings = (
        f"Scores of {name} by another readout of this name: {len(stems)} scans "
        f"({some_of(stems, printable)}). They are left out: run the participant level with --readouts for "
        "all scans."
        for name, stems in others.items()
    )
    return tuple(kept), tuple(warnings)


def _usual_digests(members: Sequence[Member]) -> dict[str, str]:
    """Return the digest of the readout of each name by which most scans are scored."""
    digests: dict[str, Counter[str]] = {}
    for member in members:
        for score in member.scores:
            digests.setdefault(score.name, Counter())[score.digest] += 1
    return {name: max(counts, key=lambda one: (counts[one], one)) for name, counts in digests.items()}
