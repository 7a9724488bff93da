"""The evaluation as files: a table of scans, all scores as JSON, and a page to read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurofm_bids.pretrain.summary import TARGETS, Evaluated, summarise
from neurofm_bids.storage.atomic import write_json, write_text
from neurofm_bids.storage.tables import cell

__all__ = ["write_evaluation"]

_TITLES = {
    "age": ("Age", "years"),
    "sex": ("Sex", "probability of male"),
    "ventricular_volume": ("Lateral ventricles", "ml"),
    "brain_volume": ("Brain volume", "ml"),
}
_UNITS = {"age": "years", "sex": "male", "ventricular_volume": "ml", "brain_volume": "ml"}
_MEASURES = {
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
    "age_mae_of_mean_age": "MAE of age if all had the mean age (years)",
    "sex_auc_of_mask_volume": "AUC of sex from the volume of the mask",
    "brain_volume_r_of_mask_volume": "r of brain volume and volume of the mask",
}


def write_evaluation(
    scans: Sequence[Evaluated], failed: Mapping[str, str], out: Path, *, model: str, sha256: str, views: int
) -> Path:
    """Write ``evaluation.tsv``, ``evaluation.json`` and ``evaluation.html``; return the page.

    Parameters
    ----------
    scans, failed
        From :func:`~neurofm_bids.pretrain.evaluation.evaluate`.
    out
        Folder.
    model, sha256, views
        What was evaluated.
    """
    from neurofm_bids.report.render import render

    summary = summarise(scans)
    about = {"Model": model, "WeightsSHA256": sha256, "Views": views, "Failed": dict(failed)}
    write_json(out / "evaluation.json", {**about, **summary})
    write_text(out / "evaluation.tsv", _table(scans))
    page = out / "evaluation.html"
    context = {
        "model": model,
        "sha256": sha256,
        "views": views,
        "count": len(scans),
        "people": len({s.participant for s in scans}),
        "baselines": [(_BASELINES[k], _number(v)) for k, v in summary["baselines"].items()],
        "sections": [_section(target, scans, summary["groups"]) for target in TARGETS],
        "repeat_heads": [f"{_TITLES[t][0].lower()} ({_TITLES[t][1]})" for t in summary["repeatability"]],
        "repeats": _repeats(summary["repeatability"]),
        "failed": sorted(failed.items()),
    }
    write_text(page, render("evaluation.html.j2", context))
    return page


def _table(scans: Sequence[Evaluated]) -> str:
    names = [f"{kind}_{target}" for kind in ("known", "predicted") for target in TARGETS]
    units = [f"{n}_{_UNITS[n.split('_', 1)[1]]}" for n in names]
    lines = ["\t".join(["scan", "participant_id", "stripping", "mask_volume_ml", *units])]
    for scan in scans:
        values = [scan.mask_ml, *(getattr(scan, n.split("_")[0])[n.split("_", 1)[1]] for n in names)]
        texts = ["n/a" if math.isnan(v) else f"{v:.3f}" for v in values]
        about = [cell(text) for text in (scan.name, f"sub-{scan.participant}", scan.style)]
        lines.append("\t".join([*about, *texts]))
    return "\n".join(lines) + "\n"


def _section(target: str, scans: Sequence[Evaluated], groups: Mapping[str, Any]) -> dict[str, Any]:
    rows = {name: scores[target] for name, scores in groups.items() if scores[target]}
    rows = {name: scores for name, scores in rows.items() if scores["n"]}
    measures = [m for m in _MEASURES if any(m in scores for scores in rows.values())]
    return {
        "id": target,
        "title": _TITLES[target][0],
        "figure": _figure(target, scans) if target != "sex" else None,
        "heads": [_MEASURES[m] for m in measures],
        "rows": [(name, [_number(scores[m]) for m in measures]) for name, scores in rows.items()],
    }


def _figure(target: str, scans: Sequence[Evaluated]) -> Any:
    from markupsafe import Markup

    from neurofm_bids.report.charts import plot_agreement

    both = [s for s in scans if math.isfinite(s.known[target])]
    if not both:
        return None
    title, unit = _TITLES[target]
    picture = plot_agreement(
        np.array([s.known[target] for s in both]),
        np.array([s.predicted[target] for s in both]),
        [s.name for s in both],
        (f"known ({unit})", f"predicted ({unit})"),
        target,
        f"{title}: predicted against known, {len(both)} scans",
    )
    return Markup(picture)  # our own SVG


def _repeats(repeatability: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    kinds = list(next(iter(repeatability.values())))
    rows = []
    for kind in kinds:
        found = [by_kind[kind] for by_kind in repeatability.values()]
        if any(found):
            rows.append((kind, [f"{r['difference']:.3g} ({r['difference_percent']:.2g} %)" for r in found]))
    return rows


def _number(value: float | None) -> str:
    if value is None:
        return "n/a"
    return str(value) if isinstance(value, int) else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
