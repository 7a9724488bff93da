"""How well the tasks of a cohort can be read, for the group report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neurofm_bids.readouts.readout import Metric, Readout
from neurofm_bids.records.dictionary import evaluation_columns
from neurofm_bids.report.charts import GREY, LINE, new_figure, svg
from neurofm_bids.report.methods import plain_citations, references_of
from neurofm_bids.report.metric_names import is_of_quarter, metric_name
from neurofm_bids.report.readout_methods import readout_methods, readout_references

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FittedTasks", "fitted_context"]

_CHANCE = {"auc": 0.5, "c_index": 0.5}
_FEATURES = {
    "latent": "the {} latent features of the network",
    "regional": "the {} volumes of regions of the segmentation",
    "both": "the latent features of the network and the volumes of regions, {} together",
}
_UNKNOWN, _BLUE = "n/a", "#1f5f8b"
_MODELS = (
    ("metrics", "features", _BLUE, 0.0),
    ("with_covariates", "features with covariates", "#2a9d8f", 0.15),
    ("covariates_only", "covariates only", GREY, 0.3),
    ("predictions_only", "predictions only", "#b45309", 0.45),
    ("predictions_and_covariates", "predictions and covariates", "#7c3aed", 0.6),
)


@dataclass(frozen=True)
class FittedTasks:
    """Readouts that were fitted to a cohort, and why tasks were refused, by name."""

    readouts: tuple[Readout, ...]
    refused: Mapping[str, str]


def fitted_context(fitted: FittedTasks | None) -> dict[str, Any]:
    """Return what the section of the report shows; nothing without tasks."""
    if fitted is None:
        return {"fitted": None}
    from markupsafe import Markup

    methods = readout_methods(fitted.readouts)
    picture = _forest(fitted.readouts) if fitted.readouts else None
    return {
        "fitted": fitted,
        "fitted_rows": [_row(readout) for readout in fitted.readouts],
        "fitted_figure": Markup(picture) if picture else None,  # our own SVG
        "fitted_metrics": _meanings(fitted.readouts),
        "fitted_schemes": _schemes(fitted.readouts),
        "fitted_methods": plain_citations(methods),
        "fitted_references": references_of(readout_references(methods)),
        "fitted_features": _features(fitted.readouts),
    }


def _row(readout: Readout) -> dict[str, Any]:
    made, training = readout.evaluation, readout.training
    main, *others = (name for name in made.metrics if not is_of_quarter(name))
    p = [_UNKNOWN if p is None else f"{p:.3g}" for p in (made.p_value, made.p_corrected)]
    return {
        "task": readout.task.name,
        "about": readout.task.description or f"column {readout.task.target}",
        "domain": readout.task.domain,
        "people": f"{training.people:,}",
        "classes": ", ".join(f"{n:,} {name}" for name, n in training.events.items()),
        "main": f"{metric_name(main)} {_text(made.metrics[main])}",
        "others": [f"{metric_name(name)} {_text(made.metrics[name])}" for name in others],
        "covariates": _text(made.covariates_only.get(main)),
        "with_covariates": _text(made.with_covariates.get(main)),
        "predictions": _text(made.predictions_only.get(main)),
        "predictions_and_covariates": _text(made.predictions_and_covariates.get(main)),
        "p": p[0],
        "p_corrected": p[1],
        "curve": ", ".join(f"{n}: {_number(one.value)}" for n, one in made.learning_curve.items()),
        "notes": readout.notes,
    }


def _text(metric: Metric | None) -> str:
    if metric is None or metric.value is None:
        return _UNKNOWN
    limits = metric.interval95
    return _number(metric.value) + (f" ({_number(limits[0])} to {_number(limits[1])})" if limits else "")


def _number(value: float | None) -> str:
    if value is None:
        return _UNKNOWN
    value = round(value, 2) + 0.0  # no -0.00
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"


def _meanings(readouts: Sequence[Readout]) -> list[tuple[str, str]]:
    levels = evaluation_columns()["metric"]["Levels"]
    names = dict.fromkeys(name for readout in readouts for name in readout.evaluation.metrics)
    return [(metric_name(name), str(levels[name])) for name in names if name in levels]


def _features(readouts: Sequence[Readout]) -> str:
    """Return what the readouts are fitted to."""
    found = dict.fromkeys((readout.feature_set, len(readout.features)) for readout in readouts)
    return "; ".join(f"{_FEATURES[name].format(count)} (--features {name})" for name, count in found)


def _schemes(readouts: Sequence[Readout]) -> list[str]:
    """Return how scans were split, one text for all tasks, or one for each scheme with its tasks."""
    tasks: dict[str, list[str]] = {}
    for readout in readouts:
        tasks.setdefault(readout.evaluation.scheme, []).append(readout.task.name)
    if len(tasks) == 1:
        return list(tasks)
    return [f"{', '.join(names)}: {scheme}" for scheme, names in tasks.items()]


def _forest(readouts: Sequence[Readout]) -> str:
    """Draw the main metric of each readout with its interval, beside those of the comparisons."""
    by_metric: dict[str, list[Readout]] = {}
    for readout in readouts:
        by_metric.setdefault(next(iter(readout.evaluation.metrics)), []).append(readout)
    most = max(map(len, by_metric.values()))
    with new_figure((4.6 * len(by_metric), 1.4 + 0.5 * most)) as figure:
        for place, (name, own) in enumerate(by_metric.items()):
            axes = figure.add_subplot(1, len(by_metric), place + 1)
            _draw(axes, name, own)
        handles = {label: one for axes in figure.axes for one, label in zip(*_legend(axes), strict=True)}
        figure.legend(
            [*handles.values()],
            [*handles],
            frameon=False,
            fontsize=7.5,
            loc="outside lower left",
            ncols=3 if len(by_metric) > 1 else 2,
        )
        titles = ", ".join(readout.task.name for readout in readouts)
        return svg(figure, "tasks", f"Main metric with 95% interval of the tasks: {titles}")


def _legend(axes: Axes) -> tuple[list[Any], list[str]]:
    handles, labels = axes.get_legend_handles_labels()
    return list(handles), list(labels)


def _draw(axes: Axes, name: str, readouts: Sequence[Readout]) -> None:
    for field, label, color, shift in _MODELS:
        points = list(_points(readouts, field, name))
        if not points:
            continue
        places, values, low, high = (np.array(column) for column in zip(*points, strict=True))
        axes.errorbar(
            values,
            places + shift,
            xerr=[np.maximum(values - low, 0), np.maximum(high - values, 0)],
            fmt="o" if field == "metrics" else "s",
            markersize=5 if field == "metrics" else 3.5,
            color=color,
            linewidth=1.3,
            label=label,
        )
    axes.axvline(_CHANCE.get(name, 0.0), color=LINE, linewidth=0.8, linestyle="--")
    axes.set(
        yticks=range(len(readouts)),
        yticklabels=[readout.task.name for readout in readouts],
        xlabel=metric_name(name),
        ylim=(len(readouts) - 0.3, -0.5),
    )
    axes.tick_params(labelsize=8)


def _points(readouts: Sequence[Readout], field: str, name: str) -> Iterator[tuple[int, float, float, float]]:
    for place, readout in enumerate(readouts):
        metric = getattr(readout.evaluation, field).get(name)
        if metric is not None and metric.value is not None:
            yield place, metric.value, *(metric.interval95 or (metric.value, metric.value))
