import numpy as np
import pytest

from neurofm_bids.group.standing import GROUP_CHECK, group_checks
from neurofm_bids.records import rules
from neurofm_bids.records.cohort import Cohort, Member
from neurofm_bids.records.rules import CohortRules
from neurofm_bids.records.scan import Identity


def checks(monkeypatch, values, worse="low", least=8):
    found = CohortRules(5.0, least, {"snr_wm": worse})
    monkeypatch.setattr("neurofm_bids.group.standing.cohort_rules", lambda: found)
    members = tuple(Member(Identity(), {}, {"snr_wm": v}, {}, {}, (), ()) for v in values)
    return group_checks(Cohort("openS", members, (), np.zeros((len(values), 1), np.float32)))


USUAL = [20.0, 21.0, 22.0, 23.0, 24.0, 25.0, 26.0, 27.0, 28.0]


@pytest.mark.parametrize(
    ("odd", "worse", "stands_out"),
    [
        (1.0, "low", True),
        (1.0, "high", False),
        (50.0, "low", False),
        (50.0, "high", True),
        (50.0, "both", True),
    ],
)
def test_a_scan_stands_out_in_the_direction_that_is_worse(monkeypatch, odd, worse, stands_out):
    found = checks(monkeypatch, [*USUAL, odd], worse)
    assert found[:-1] == [None] * 9
    assert (found[-1] is not None) is stands_out


def test_the_reason_gives_value_distance_and_median(monkeypatch):
    found = checks(monkeypatch, [*USUAL, 1.0])
    assert found[-1].startswith("snr_wm of 1 is ")
    assert found[-1].endswith("robust SD below the median of 23.5")


@pytest.mark.parametrize("values", [[20.0, 21.0, 5.0], [20.0] * 9 + [5.0], [None] * 9])
def test_few_equal_or_absent_values_have_none_that_stand_out(monkeypatch, values):
    assert checks(monkeypatch, values) == [None] * len(values)


def test_the_rules_of_the_package_name_metrics_of_the_dictionary():
    from neurofm_bids.records.dictionary import column, metric

    assert column(GROUP_CHECK)["Description"]
    for name in rules.cohort_rules().worse:
        assert "as recorded with the scan" not in metric(name)["Description"], name
