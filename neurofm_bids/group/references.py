"""The reference of the volumes of a cohort, and the one that is made of some of its participants."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from neurofm_bids import __version__
from neurofm_bids.bids.covariates import Known
from neurofm_bids.bids.demographics import Person
from neurofm_bids.bids.participants import named_participants
from neurofm_bids.config import Centiles
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.norms.reference import PUBLISHED, Reference
from neurofm_bids.norms.scores import placed_score
from neurofm_bids.norms.user_reference import UserReference, make_reference, read_reference
from neurofm_bids.records.cohort import Cohort, Member
from neurofm_bids.records.origin import one_origin
from neurofm_bids.storage.text import printable, some_of

__all__ = ["check_reference", "reference_of", "reference_of_cohort", "with_placed_scores"]

_log = logging.getLogger(__name__)
_FLAG = "--reference-participants"


def reference_of(centiles: Centiles) -> Reference:
    """Return the reference that the options name, by default the published norms.

    Raises
    ------
    NeuroFMError
        Its file cannot be read or is damaged.
    """
    return PUBLISHED if centiles.reference is None else read_reference(centiles.reference)


def check_reference(cohort: Cohort, reference: Reference, path: Path | None) -> None:
    """Raise if scans were made otherwise than the reference, which ``path`` holds.

    Raises
    ------
    NeuroFMError
        That is so for some scan.
    """
    stems = [
        member.scan.stem
        for member in cohort.members
        if any("made_otherwise" in item.notes for item in member.centiles)
    ]
    if stems:
        why = next(filter(None, map(reference.refuses, cohort.origins)))
        raise NeuroFMError(
            f"the reference cannot be used for {len(stems)} of {len(cohort.members)} scans "
            f"({some_of(stems, printable)}): it was {why}",
            where=path,
            fix="Make it again with --make-reference, or omit --reference.",
        )


def with_placed_scores(cohort: Cohort, reference: Reference) -> Cohort:
    """Return a cohort whose scores have their centiles among the people of a reference."""
    members = []
    for member in cohort.members:
        seen = member.observation
        person = Person(seen.age_years, sex=seen.sex, remarks=member.age_remarks)
        scores = tuple(placed_score(score, person, reference) for score in member.scores)
        members.append(replace(member, scores=scores) if scores else member)
    return replace(cohort, members=tuple(members))


def reference_of_cohort(cohort: Cohort, covariates: Known, named: Sequence[str]) -> UserReference:
    """Return the reference of participants of a cohort: of each, the first scan that can be used.

    Parameters
    ----------
    named
        Labels, and conditions ``COLUMN=VALUE`` on the tables of the dataset; each adds participants.

    Raises
    ------
    NeuroFMError
        A participant or column does not exist, scans were not made alike, or there are too few participants.
    """
    origin = one_origin(cohort.origins, "a reference cannot be made from")
    wanted = _wanted(cohort.members, covariates, named)
    people: dict[str, Member] = {}
    for member in cohort.members:
        subject, known = member.scan.subject or "", people.get(member.scan.subject or "")
        if subject in wanted and (known is None or known.observation.reason):
            people[subject] = member
    observed = [member.observation for member in people.values()]
    left_out = Counter(person.reason for person in observed if person.reason)
    for reason, count in sorted(left_out.items()):
        _log.warning("Participants left out of the reference: %d (%s).", count, reason.replace("_", " "))
    return make_reference(
        observed,
        version=__version__,
        origin=origin,
        scores=[member.scores for member in people.values()],
    )


def _wanted(members: Iterable[Member], covariates: Known, named: Sequence[str]) -> set[str]:
    """Return the labels of the participants that labels and conditions name."""
    scans = [member.scan for member in members]
    rows = [covariates.values(scan) for scan in scans]
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name, "") for row in rows] for name in names}
    subjects = [scan.subject or "" for scan in scans]
    return named_participants(named, subjects, columns, "participants of the reference", _FLAG)
