"""Tasks: what readouts are fitted to."""

import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.task import DOMAINS, Task
from neurofm_bids.records.schema import from_json, to_json


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_task_survives_its_json(domain):
    task = Task("raven", domain, "ordinal", "IQ_Raven", classes=("low", "high"), exclude={"group": ("x",)})
    assert from_json(Task, to_json(task)) == task


@pytest.mark.parametrize("name", ["", "1st", "two words", "a-b"])
def test_names_that_cannot_be_columns_are_refused(name):
    with pytest.raises(NeuroFMError, match="Name"):
        from_json(Task, {**to_json(Task("a", "clinical", "binary", "group")), "Name": name})
