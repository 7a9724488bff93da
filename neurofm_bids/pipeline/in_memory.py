"""Running the steps of one scan in this process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from neurofm_bids.pipeline.step import Step
from neurofm_bids.pipeline.steps import STEPS, absent_values, producer
from neurofm_bids.pipeline.task import Task

__all__ = ["run_in_memory", "steps_for"]


def steps_for(task: Task, outputs: Iterable[str]) -> tuple[Step, ...]:
    """Return the steps that some outputs need, in order, of those that the scan needs."""
    wanted: set[str] = set()
    todo = list(outputs)
    while todo:
        step = producer(todo.pop())
        if step.name not in wanted and step.is_needed(task.processing):
            wanted.add(step.name)
            todo += step.inputs
    return tuple(step for step in STEPS if step.name in wanted)


def run_in_memory(task: Task, outputs: Iterable[str]) -> dict[str, Any]:
    """Run the steps that some outputs need and return everything that they made, by name.

    Raises
    ------
    NeuroFMError
        The image cannot be used; the message says why.
    """
    values = absent_values(task)
    for step in steps_for(task, outputs):
        values |= step.run(task, values)
    return values
