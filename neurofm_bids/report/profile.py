"""The scores of readouts as people read them: a line for each, by domain, and risks over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_lowercase

from neurofm_bids.records.dictionary import readout_columns
from neurofm_bids.records.score import NO_SCORE, Score
from neurofm_bids.records.score_columns import READOUT_NOTES
from neurofm_bids.report.centiles import whole_centile
from neurofm_bids.report.contents import ReadoutAbout, ScanReport
from neurofm_bids.report.metric_names import is_of_quarter, metric_name, readout_title
from neurofm_bids.report.plots import Bar, Chart, Point, plot_bar, plot_curve

__all__ = ["ProfileLine", "ProfileView", "RiskChart", "profile_of"]

_MUTED = {"not_above_chance", "quality_failed", "far_from_training", "age_outside"}
_Interval = tuple[float, float] | None


@dataclass(frozen=True)
class ProfileLine:
    """One readout: its score, where it lies among those of the training, and what limits it.

    ``parts`` are the probabilities of classes, or risks; ``reason`` says why there is no score; ``warning``
    stands beside the bar; ``reference`` is the centile among the people of a reference.
    """

    name: str
    about: str
    value: str
    quantity: str
    centile: str
    bar: Bar | None
    alt: str
    held_out: str
    marks: str
    is_muted: bool
    parts: str = ""
    reason: str = ""
    warning: str = ""
    reference: str = ""


@dataclass(frozen=True)
class RiskChart:
    """The absolute risk of an event over time."""

    name: str
    chart: Chart
    alt: str
    about: str


@dataclass(frozen=True)
class ProfileView:
    """All readouts of a scan.

    Parameters
    ----------
    domains
        Lines by domain.
    legend
        Marks of the lines, and what they mean.
    charts
        Risks over time.
    readouts
        How the readouts were made: name, description and sentences.
    """

    domains: Mapping[str, Sequence[ProfileLine]] = field(default_factory=dict)
    legend: Sequence[tuple[str, str]] = ()
    charts: Sequence[RiskChart] = ()
    readouts: Sequence[tuple[str, str, Sequence[str]]] = ()

    @property
    def has_reference(self) -> bool:
        """Whether any score has a centile among the people of a reference."""
        return any(line.reference for lines in self.domains.values() for line in lines)


def profile_of(scan: ScanReport) -> ProfileView | None:
    """Return the profile of a scan as its report shows it; None without readouts."""
    if scan.profile is None:
        return None
    levels = readout_columns()[READOUT_NOTES]["Levels"]
    found = dict.fromkeys(note for score in scan.profile.scores for note in score.notes)
    marks = dict(zip((note for note in found if note not in NO_SCORE), ascii_lowercase, strict=False))
    domains = {
        domain[:1].upper() + domain[1:]: [_line(one, marks, scan.readouts.get(one.name)) for one in scores]
        for domain, scores in scan.profile.domains.items()
    }
    return ProfileView(
        domains,
        [(mark, levels[note]) for note, mark in marks.items()],
        [_chart(score, scan) for score in scan.profile.scores if score.name in scan.risks],
        [(readout_title(name), one.description, _sentences(one)) for name, one in scan.readouts.items()],
    )


def _line(score: Score, marks: Mapping[str, str], about: ReadoutAbout | None) -> ProfileLine:
    centile = "" if score.centile is None else whole_centile(score.centile)
    limits = score.centile_interval95
    ends = ("", "") if limits is None else (whole_centile(limits[0]), whole_centile(limits[1]))
    bar = None if score.centile is None else plot_bar(score.centile, (0.0, 100.0), limits, ends=ends)
    shown = f"centile {centile}" + (f", interval {ends[0]} to {ends[1]}" if limits else "")
    others = [part for part in score.parts if part.name != score.quantity]
    return ProfileLine(
        readout_title(score.name),
        score.description,
        "no score" if score.value is None else _score(score),
        "" if score.quantity == "value" else score.quantity,
        centile + (f" ({ends[0]} to {ends[1]})" if limits else ""),
        bar,
        f"{readout_title(score.name)}: {shown}",
        _metric(*about.metrics[0]) if about and about.metrics else "",
        ", ".join(sorted(marks[note] for note in score.notes if note in marks)),
        is_muted=bool(_MUTED & {*score.notes}),
        parts="; ".join(f"{part.name} {_share(part.value, part.interval95)}" for part in others),
        reason=score.reason,
        warning="not reliably above chance" if "not_above_chance" in score.notes else "",
        reference="" if score.reference_centile is None else whole_centile(score.reference_centile),
    )


def _score(score: Score) -> str:
    """Return the value of a score with its interval: a probability unless it has units or is a rank."""
    if score.kind in {"regression", "ordinal"}:
        return _value(score.value, score.interval95, score.units)
    return _share(score.value, score.interval95)


def _chart(score: Score, scan: ScanReport) -> RiskChart:
    curve, title = scan.risks[score.name], readout_title(score.name)
    points = [
        Point(part.horizon, part.value, part.interval95)
        for part in score.parts
        if part.value is not None and part.horizon is not None
    ]
    chart = plot_curve(points, ("years from the scan", "risk"), curve)
    stated = "; ".join(f"{part.name} {_share(part.value, part.interval95)}" for part in score.parts)
    return RiskChart(title, chart, f"{title}: {stated}", curve.about)


def _sentences(about: ReadoutAbout) -> list[str]:
    metrics = ", ".join(_metric(*one) for one in about.metrics if not is_of_quarter(one[0]))
    held_out = f"Held-out scans{f' ({about.scheme})' if about.scheme else ''}: {metrics}"
    texts = (f"Training: {about.training}", held_out if metrics else "", *about.notes)
    return [text.rstrip(".") for text in texts if text]


def _metric(name: str, value: float | None, limits: _Interval) -> str:
    """Return a metric as people read it.

    >>> _metric("r", 0.421, (0.3, 0.512)), _metric("auc", None, None)
    ('r 0.42 (0.30 to 0.51)', 'AUC n/a')
    """
    if value is None:
        return f"{metric_name(name)} n/a"
    interval = "" if limits is None else f" ({limits[0]:.2f} to {limits[1]:.2f})"
    return f"{metric_name(name)} {value:.2f}{interval}"


def _value(value: float | None, limits: _Interval, units: str = "1") -> str:
    """Return a value with its interval.

    >>> _value(0.731, (0.5, 0.912)), _value(1234.5, None, "ms"), _value(None, None)
    ('0.73 (0.50 to 0.91)', '1,234 ms', 'n/a')
    """
    if value is None:
        return "n/a"
    largest = max(map(abs, (value, *(limits or ()))))
    form = ",.0f" if largest >= 100 else ".1f" if largest >= 10 else ".2f"
    unit = "" if units in {"", "1"} else f" {units}"
    interval = "" if limits is None else f" ({limits[0]:{form}} to {limits[1]:{form}})"
    return f"{value:{form}}{unit}{interval}"


def _share(value: float | None, limits: _Interval) -> str:
    """Return a probability with its interval.

    >>> _share(0.731, (0.001, 0.999)), _share(None, None)
    ('0.73 (<0.01 to >0.99)', 'n/a')
    """
    if value is None:
        return "n/a"
    interval = "" if limits is None else f" ({_rounded(limits[0])} to {_rounded(limits[1])})"
    return f"{_rounded(value)}{interval}"


def _rounded(share: float) -> str:
    return "<0.01" if share < 0.005 else ">0.99" if share > 0.995 else f"{share:.2f}"
