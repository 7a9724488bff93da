"""Output files of the evaluation: a table of scans, the scores as JSON, and an HTML report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from neurofm_bids.config import Processing
from neurofm_bids.pretrain.evaluation.summary import TARGETS, EvaluatedScan, summarise
from neurofm_bids.records.statistics import outliers
from neurofm_bids.report.charts import plot_agreement
from neurofm_bids.report.render import render
from neurofm_bids.storage.atomic import write_json, write_text
from neurofm_bids.storage.tables import table_text

__all__ = ["shown_number", "write_evaluation"]

_TITLES = {  # title, unit in the report, unit in the names of columns
    "age": ("Age", "years", "years"),
    "sex": ("Sex", "probability of male", "male"),
    "ventricular_volume": ("Lateral ventricles", "ml", "ml"),
    "brain_volume": ("Brain volume", "ml", "ml"),
}
_METRICS = {
    "n": "n",
    "mae": "MAE",
    "bias": "bias",
    "bias_percent": "bias %",
    "r": "r",
    "slope": "slope",
    "intercept": "intercept",
    "log_r": "log r",
    "log_slope": "log slope",
    "auc": "AUC",
}
_BASELINES = {
    "age_mae_of_mean_age": "Age, MAE of the mean age of these scans (years)",
    "sex_auc_of_mask_volume": "Sex, AUC of the brain mask volume",
    "brain_volume_r_of_mask_volume": "Brain volume, correlation with the brain mask volume",
}


def write_evaluation(
    scans: Sequence[EvaluatedScan],
    failed: Mapping[str, str],
    out: Path,
    processing: Processing,
    sha256: str,
) -> Path:
    """Write ``evaluation.tsv``, ``evaluation.json`` and ``evaluation.html``; return the report.

    Parameters
    ----------
    scans, failed
        From :func:`~neurofm_bids.pretrain.evaluation.dataset.evaluate`.
    out
        Folder.
    processing, sha256
        The evaluated model and the passes averaged per scan, and the hash of the weights.
    """
    summary = summarise(scans)
    model, views = processing.model, processing.views
    settings = {"Model": model, "WeightsSHA256": sha256, "Views": views, "Failed": dict(failed)}
    write_json(out / "evaluation.json", {**settings, **summary})
    write_text(out / "evaluation.tsv", _table(scans))
    report = out / "evaluation.html"
    context = {
        "model": model,
        "sha256": sha256,
        "views": views,
        "count": len(scans),
        "participants": len({s.participant for s in scans}),
        "baselines": [(_BASELINES[k], shown_number(v)) for k, v in summary["baselines"].items()],
        "sections": [_section(target, scans, summary["groups"]) for target in TARGETS],
        "repeat_heads": [f"{_TITLES[t][0].lower()} ({_TITLES[t][1]})" for t in summary["repeatability"]],
        "repeats": _repeats(summary["repeatability"]),
        "failed": sorted(failed.items()),
    }
    write_text(report, render("evaluation.html.j2", context))
    return report


def _table(scans: Sequence[EvaluatedScan]) -> str:
    columns = [(kind, target) for kind in ("known", "predicted") for target in TARGETS]
    names = [f"{kind}_{target}_{_TITLES[target][2]}" for kind, target in columns]
    rows = []
    for scan in scans:
        values = [scan.mask_ml, *(getattr(scan, kind)[target] for kind, target in columns)]
        texts = [None if math.isnan(v) else f"{v:.3f}" for v in values]
        rows.append([scan.name, f"sub-{scan.participant}", scan.style, *texts])
    return table_text(["scan", "participant_id", "stripping", "mask_volume_ml", *names], rows)


def _section(target: str, scans: Sequence[EvaluatedScan], groups: Mapping[str, Any]) -> dict[str, Any]:
    rows = {name: scores[target] for name, scores in groups.items() if scores[target]}
    rows = {name: scores for name, scores in rows.items() if scores["n"]}
    metrics = [m for m in _METRICS if any(m in scores for scores in rows.values())]
    return {
        "id": target,
        "title": _TITLES[target][0],
        "figure": _figure(target, scans) if target != "sex" else None,
        "heads": [_METRICS[m] for m in metrics],
        "rows": [(name, [shown_number(scores[m]) for m in metrics]) for name, scores in rows.items()],
    }


def _figure(target: str, scans: Sequence[EvaluatedScan]) -> Any:
    known = [s for s in scans if math.isfinite(s.known[target])]
    if not known:
        return None
    title, unit, _ = _TITLES[target]
    true, predicted = (np.array([getattr(s, kind)[target] for s in known]) for kind in ("known", "predicted"))
    svg = plot_agreement(
        true,
        predicted,
        [s.name for s in known],
        (f"known ({unit})", f"predicted ({unit})"),
        target,
        f"{title}: predicted against known, {len(known)} scans",
        outliers(predicted - true),
    )
    return Markup(svg)  # drawn by this package, names escaped


def _repeats(repeatability: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    kinds = list(next(iter(repeatability.values())))
    rows = []
    for kind in kinds:
        repeats = [by_kind[kind] for by_kind in repeatability.values()]
        if any(repeats):
            rows.append((kind, [f"{r['difference']:.3g} ({r['difference_percent']:.2g} %)" for r in repeats]))
    return rows


def shown_number(value: float | None) -> str:
    """Return a score as it is shown in a table.

    >>> [shown_number(value) for value in (None, 3, 0.9123, 51.26)]
    ['n/a', '3', '0.912', '51.3']
    """
    if value is None:
        return "n/a"
    return str(value) if isinstance(value, int) else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
