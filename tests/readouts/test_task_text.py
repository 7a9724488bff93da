from pathlib import Path

from neurofm_bids.readouts.suggest import Proposal, Suggestions
from neurofm_bids.readouts.task import Task
from neurofm_bids.readouts.task_file import tasks_from
from neurofm_bids.readouts.task_text import task_file_text


def test_odd_texts_survive():
    task = Task(
        "a",
        "clinical",
        "binary",
        'ph.odd "name"\\x7f',
        "Two\tlines, ü",
        positive="\x7f",
        classes=("\x7f", "b"),
        covariates=("age", "#1"),
        site="site",
    )
    text = task_file_text(Suggestions("A\nB", 3, (Proposal(task, ("a\nremark = 1",)),), {"c\nd": "why"}))
    assert tasks_from(text, Path("t")).tasks == (task,)
    assert "# a remark = 1\n" in text
    assert "#   c d: why\n" in text
