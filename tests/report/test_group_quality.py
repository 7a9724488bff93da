import pandas as pd
import pytest

from neurofm_bids.report.group_quality import count_flags, count_statuses, scans_to_check


def quality(**columns):
    count = len(columns["quality"])
    about = {"participant_id": [f"sub-{i}" for i in range(count)], "flags": None, "quality_reasons": None}
    return pd.DataFrame({**about, **columns})


def test_every_status_is_counted():
    assert count_statuses(quality(quality=["ok", "check", "fail", "fail"])) == [
        ("ok", 1),
        ("check", 1),
        ("fail", 2),
    ]
    assert count_statuses(quality(quality=["ok"])) == [("ok", 1), ("check", 0), ("fail", 0)]


def test_scans_to_look_at_are_not_ok_or_stand_out():
    table = quality(
        quality=["ok", "check", "fail", "ok"],
        quality_reasons=[None, "Odd.", "Noise. Look at grain.", None],
        group_check=[None, None, "far", "odd"],
    )
    rows = scans_to_check(table, ["a", "b", "c", "d"], {"sub-2": "sub-2.html"})
    assert [(cell.text, cell.link, status, why) for cell, status, why in rows] == [
        ("c", "sub-2.html", "fail", "Noise. Look at grain. In the cohort: far."),
        ("b", "", "check", "Odd."),
        ("d", "", "ok", "In the cohort: odd."),
    ]
    without = scans_to_check(table.drop(columns="group_check"), ["a", "b", "c", "d"], {})
    assert [status for _, status, _ in without] == ["fail", "check"]
    with pytest.raises(ValueError, match="zip"):
        scans_to_check(table, ["a"], {})


def test_flags_are_counted_once_per_scan():
    table = quality(quality=["fail", "fail", "ok"], flags=["low_snr;low_snr", "low_snr;odd", None])
    assert count_flags(table) == [("low_snr", 2, 2), ("odd", 1, 1)]
