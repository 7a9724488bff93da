"""The table of how well the tasks of a cohort can be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from neurofm_bids.group.readout_fits import Fits
from neurofm_bids.readouts.readout import Metric, Readout
from neurofm_bids.readouts.task import Task
from neurofm_bids.records.columns import Row
from neurofm_bids.records.dictionary import evaluation_columns

__all__ = ["evaluation_rows"]

_NOTHING = Metric(None)


def evaluation_rows(fits: Fits) -> list[Row]:
    """Return one row for each metric of each task, and one for each task that was refused."""
    names = list(evaluation_columns())
    rows = [row for task in fits.tasks for row in _rows(fits, task)]
    return [{name: row.get(name) for name in names} for row in rows]


def _rows(fits: Fits, task: Task) -> Iterator[Row]:
    about: Row = {"task": task.name, "domain": task.domain, "kind": task.kind, "target": task.target}
    about["features"] = fits.features
    if error := fits.outcomes.refused.get(task.name):
        yield {**about, "remarks": f"refused: {error.reason}"}
        return
    readout = fits.outcomes.readouts[task.name]
    about |= {"people": readout.training.people, "scans": readout.training.scans}
    for name, metric in readout.evaluation.metrics.items():
        yield {**about, **_metric(readout, name, metric)}


def _metric(readout: Readout, name: str, metric: Metric) -> Row:
    made = readout.evaluation
    is_main = name == next(iter(made.metrics))
    row: Row = {"metric": name, **_cells("value", {name: metric}, name)}
    for column in ("covariates_only", "with_covariates", "predictions_only", "predictions_and_covariates"):
        row |= _cells(column, getattr(made, column), name)
    if is_main:
        row |= {"p_value": made.p_value, "p_corrected": made.p_corrected}
        row["remarks"] = " ".join(readout.notes) or None
    return row


def _cells(column: str, metrics: Mapping[str, Metric], name: str) -> Row:
    metric = metrics.get(name, _NOTHING)
    low, high = metric.interval95 or (None, None)
    return {column: metric.value, f"{column}_lower95": low, f"{column}_upper95": high}
