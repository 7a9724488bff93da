import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.hazard_fit import fit_times
from neurofm_bids.readouts.kinds import FITTERS, fitter_of
from neurofm_bids.readouts.linear_fit import fit_linear
from neurofm_bids.readouts.targets import CODERS
from neurofm_bids.readouts.task import Task, Times


def test_kinds_of_values_and_classes_are_linear():
    assert fitter_of(Task("t", "clinical", "ordinal", "y")) is fit_linear


def test_each_kind_that_can_be_fitted_has_a_target():
    assert {*FITTERS} == {*CODERS}


def test_times_to_an_event_have_hazards():
    assert fitter_of(Task("t", "clinical", "time-to-event", "y", times=Times("years", "dead"))) is fit_times


def test_a_kind_that_cannot_be_fitted_is_refused(monkeypatch):
    monkeypatch.delitem(FITTERS, "time-to-event")
    task = Task("t", "clinical", "time-to-event", "y", times=Times("years", "dead"))
    with pytest.raises(NeuroFMError, match="cannot fit the kind time-to-event: task t"):
        fitter_of(task)
