"""The controls of the age gap."""

import pytest

from neurofm_bids.analysis.age_gap.controls import control_levels, control_participants
from neurofm_bids.errors import Exit, NeuroFMError
from tests.analysis.age_gap.cohort import as_scans, cohort


def test_controls_are_those_of_labels_and_conditions():
    table = cohort(people=20)
    controls = set(table.loc[table["group"] == "control", "participant_id"])
    assert control_participants(as_scans(table), ["group=control"]) == controls
    assert control_participants(as_scans(table), ["003", "sub-004"]) == {"sub-003", "sub-004"}


@pytest.mark.parametrize("named", ["group=healthy", "grp=control", "999"])
def test_what_does_not_exist_is_refused_as_a_wrong_setting(named):
    with pytest.raises(NeuroFMError, match="file, key controls") as raised:
        control_participants(as_scans(cohort(people=20)), [named], "file, key controls")
    assert raised.value.code == Exit.USAGE


def test_conditions_name_levels():
    named = ["003", "group=control", "group=none", "moca=30"]
    assert control_levels(as_scans(cohort(people=20)), named) == {
        "group": ("control", "none"),
        "moca": ("30",),
    }
