"""Suggested tasks as the text of a file of tasks, with comments."""

from __future__ import annotations

import json
from collections.abc import Iterator

from neurofm_bids.readouts.suggest import Proposal, Suggestions
from neurofm_bids.storage.text import printable

__all__ = ["task_file_text"]

_HEAD = """\
# Tasks of readouts, suggested for {dataset} ({people} people). Delete what is not wanted and check the rest.
# Fit them with: neurofm BIDS_DIR OUT_DIR group --readouts THIS_FILE
# Image quality metrics of NeuroFM-BIDS, such as snr_brain, can be targets too (domain "image quality").
"""


def task_file_text(found: Suggestions) -> str:
    """Return a file of tasks that :func:`~neurofm_bids.readouts.task_file.read_tasks` reads."""
    parts = [_HEAD.format(dataset=_comment(found.dataset), people=found.people)]
    parts += ["\n".join(_task(one)) + "\n" for one in found.proposals]
    if found.left_out:
        lines = [f"#   {_comment(name)}: {_comment(why)}" for name, why in found.left_out.items()]
        parts.append("\n".join(["# Columns that are no targets:", *lines]) + "\n")
    return "\n".join(parts)


def _task(proposal: Proposal) -> Iterator[str]:
    task = proposal.task
    yield "[[task]]"
    for remark in proposal.remarks:
        yield f"# {_comment(remark)}"
    texts = ("name", "domain", "kind", "target", "description", "units", "positive")
    for key in texts:
        if text := getattr(task, key):
            yield f"{key} = {_string(text)}"
    for key in ("classes", "covariates"):
        if items := getattr(task, key):
            yield f"{key} = [{', '.join(map(_string, items))}]"
    if task.site:
        yield f"site = {_string(task.site)}"


def _string(text: str) -> str:
    return json.dumps(printable(text), ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    return " ".join(printable(text).split())
