import numpy as np
import pytest

from neurofm_bids.records.cohort import Cohort, Member
from neurofm_bids.records.flag import Flag
from neurofm_bids.records.judgement import judge
from neurofm_bids.records.scan import Identity
from neurofm_bids.report.group_quality import count_flags, count_statuses, scans_to_check

LOW, ODD = Flag("low_snr", "Noise", "serious", "grain"), Flag("odd", "Odd")


def cohort(*flags_of_scans):
    members = []
    for number, flags in enumerate(flags_of_scans):
        judged = judge(flags)
        cells = {"quality": judged.status, "quality_reasons": " ".join(judged.reasons) or None}
        scan = Identity(stem=f"sub-{number}", subject=f"{number}")
        members.append(Member(scan, {}, {}, cells, acquisition={}, flags=flags, out_of_range=()))
    return Cohort("openS", tuple(members), (), np.zeros((len(members), 1), np.float32))


def test_every_status_is_counted():
    assert count_statuses(cohort((), (ODD,), (LOW,), (LOW, ODD))) == [("ok", 1), ("check", 1), ("fail", 2)]
    assert count_statuses(cohort(())) == [("ok", 1), ("check", 0), ("fail", 0)]


def test_scans_to_look_at_are_not_ok_or_stand_out():
    rows = scans_to_check(cohort((), (ODD,), (LOW,), ()), [None, None, "far", "odd"])
    assert [(member.scan.stem, status, why) for member, status, why in rows] == [
        ("sub-2", "fail", "Noise. Look at grain. In the cohort: far."),
        ("sub-1", "check", judge((ODD,)).reasons[0]),
        ("sub-3", "ok", "In the cohort: odd."),
    ]
    assert [row[1] for row in scans_to_check(cohort((ODD,), (LOW,)), ())] == ["fail", "check"]
    with pytest.raises(ValueError, match="zip"):
        scans_to_check(cohort((), ()), [None])


def test_flags_are_counted_once_per_scan():
    members = cohort((LOW, LOW), (LOW, ODD), ()).members
    assert count_flags(members) == [("low_snr", "serious", 2), ("odd", "warning", 1)]
