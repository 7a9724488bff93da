"""What the report shows of the predictions of a scan, and of several scans over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from neurofm_bids.records.prediction import Prediction
from neurofm_bids.report.centiles import centile_with_interval
from neurofm_bids.report.contents import Curve, Measured, ScanReport
from neurofm_bids.report.numbers import Number, Scale, prediction_number, scale_of
from neurofm_bids.report.plots import Bar, Chart, Point, plot_bar, plot_curve

__all__ = ["Card", "Course", "cards_of", "courses_of"]


# On the three heads with labels of FreeSurfer, their brain volumes are about equally far from the labels
# (docs/validation.md, docs/open-anatomy.md); no other scan has both.
_NEITHER = "Neither is known to be right: see their model cards."


@dataclass(frozen=True)
class Card:
    """A prediction: its numbers, what was measured, and a chart on its reference or a bar on its range."""

    number: Number
    measured: str
    chart: Chart | None
    bar: Bar | None
    alt: str
    centile: str = ""
    measured_centile: str = ""
    disagreement: str = ""


@dataclass(frozen=True)
class Course:
    """A measure over age or sessions."""

    name: str
    chart: Chart
    alt: str


def cards_of(scan: ScanReport) -> list[Card]:
    """Return the predictions of a scan as they stand on its first screen."""
    return [
        _compared(_card(name, prediction, scan), name, prediction, scan)
        for name, prediction in scan.record.predictions.items()
    ]


def _compared(card: Card, name: str, prediction: Prediction, scan: ScanReport) -> Card:
    """Return a card with the centile of what the segmentation measured, and whether both volumes agree."""
    measured = scan.measured.get(name)
    if measured is None:
        return card
    return replace(
        card,
        measured_centile=_centile(measured.region, "measured", scan),
        disagreement=_disagreement(prediction, measured),
    )


def _disagreement(prediction: Prediction, measured: Measured) -> str:
    """Return by how much two volumes differ, if one lies outside the interval of the other."""
    if prediction.interval95 is None or measured.interval95 is None:
        return ""
    (low, high), (least, most) = prediction.interval95, measured.interval95
    if low <= measured.mm3 <= high and least <= prediction.value <= most:
        return ""
    share = abs(prediction.value - measured.mm3) / ((prediction.value + measured.mm3) / 2)
    overlap = "overlap" if low <= most and least <= high else "do not overlap"
    return f"The two methods differ by {share:.0%}; their intervals {overlap}. {_NEITHER}"


def _card(name: str, prediction: Prediction, scan: ScanReport) -> Card:
    number, scale = prediction_number(name, prediction, scan.person), scale_of(prediction)
    volume, curve = scan.measured.get(name), scan.curves.get(name)
    measured = None if volume is None else volume.mm3
    shown = f"{number.name}: {number.value}" + (f", interval {number.interval}" if number.interval else "")
    measured_text = "" if volume is None else _measured_text(volume, scale)
    if curve is not None and scan.person.age_years is not None:
        points = _points(scan.person.age_years, prediction, measured)
        chart = plot_curve(points, ("age (years)", scale.unit), _scaled(curve, scale.factor))
        alt = f"{shown}, on the centiles of the reference over age"
        return Card(number, measured_text, chart, None, alt, _labelled(_centile(name, "predicted", scan)))
    other = scan.person.age_years if name == "age" else measured
    ends = tuple(format(end * scale.factor, ",.0f") for end in prediction.range)
    if prediction.of_class:
        ends = (f"not {prediction.of_class}", prediction.of_class)
    bar = plot_bar(prediction.value, prediction.range, prediction.interval95, other, (ends[0], ends[1]))
    alt = f"{shown}, on the range of the model from {ends[0]} to {ends[1]}"
    return Card(number, measured_text, None, bar, alt)


def _centile(name: str, source: str, scan: ScanReport) -> str:
    """Return the centile of a volume, with its interval; empty for none."""
    for centile in scan.centiles:
        if (centile.name, centile.source) == (name, source):
            return centile_with_interval(centile)
    return ""


def _measured_text(volume: Measured, scale: Scale) -> str:
    interval = scale.interval(volume.interval95)
    return scale.text(volume.mm3) + (f" ({interval})" if interval else "")


def _labelled(centile: str) -> str:
    return centile and f"Centile {centile}"


def _points(
    x: float, prediction: Prediction, measured: float | None, *, with_interval: bool = True
) -> list[Point]:
    factor = scale_of(prediction).factor
    limits = prediction.interval95 if with_interval else None
    interval = None if limits is None else (limits[0] * factor, limits[1] * factor)
    points = [Point(x, prediction.value * factor, interval)]
    if measured is not None:
        points.append(Point(x, measured * factor, None, "measured"))
    return points


def _scaled(curve: Curve, factor: float) -> Curve:
    lines = {level: tuple(value * factor for value in line) for level, line in curve.lines.items()}
    return Curve(curve.ages, lines, curve.about)


def courses_of(scans: Sequence[ScanReport]) -> list[Course]:
    """Return the predictions of several scans of a person, over age where it changes, else in their order."""
    if len(scans) < 2:
        return []
    ages = [scan.person.age_years for scan in scans]
    known = [age for age in ages if age is not None]
    over_age = len(known) == len(scans) and len(set(known)) == len(scans)
    places = known if over_age else [float(place) for place in range(len(scans))]
    names = () if over_age else [_short(scan) for scan in scans]
    common = [
        name for name in scans[0].record.predictions if all(name in s.record.predictions for s in scans)
    ]
    return [_course(name, scans, places, names) for name in common]


def _course(name: str, scans: Sequence[ScanReport], places: Sequence[float], names: Sequence[str]) -> Course:
    first = scans[0].record.predictions[name]
    scale, points, measured = scale_of(first), [], []
    for scan, place in sorted(zip(scans, places, strict=True), key=lambda item: item[1]):
        volume = scan.measured.get(name)
        predicted, *others = _points(
            place, scan.record.predictions[name], None if volume is None else volume.mm3
        )
        points.append(predicted)
        measured += others
    curve = None if names else scans[-1].curves.get(name)
    title = prediction_number(name, first, scans[0].person).name
    labels = ("" if names else "age (years)", scale.unit or "probability")
    chart = plot_curve(
        [*points, *measured], labels, curve and _scaled(curve, scale.factor), names, joined=len(points)
    )
    values = ", ".join(scale.text(scan.record.predictions[name].value) for scan in scans)
    return Course(title, chart, f"{title} of {len(scans)} scans: {values}")


def _short(scan: ScanReport) -> str:
    """Return what tells a scan from the others of its participant."""
    stem = scan.record.scan.stem.removeprefix(f"sub-{scan.record.scan.subject}").strip("_")
    return stem.removeprefix("ses-")[:14] or "scan"
