"""What the report shows of the predictions of a scan."""

from __future__ import annotations

from dataclasses import dataclass, replace

from neurofm_bids.records.prediction import Prediction
from neurofm_bids.report.centiles import centile_with_interval
from neurofm_bids.report.contents import Curve, Measured, ScanReport
from neurofm_bids.report.numbers import Number, Scale, prediction_number, scale_of
from neurofm_bids.report.plots import Bar, Chart, Point, plot_bar, plot_curve

__all__ = ["Card", "cards_of", "points_of", "scaled"]


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
        points = points_of(scan.person.age_years, prediction, measured)
        chart = plot_curve(points, ("age (years)", scale.unit), scaled(curve, scale.factor))
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


def points_of(x: float, prediction: Prediction, measured: float | None) -> list[Point]:
    """Return a prediction at a place of a chart, and what was measured of it, if anything."""
    factor, limits = scale_of(prediction).factor, prediction.interval95
    interval = None if limits is None else (limits[0] * factor, limits[1] * factor)
    points = [Point(x, prediction.value * factor, interval)]
    if measured is not None:
        points.append(Point(x, measured * factor, None, "measured"))
    return points


def scaled(curve: Curve, factor: float) -> Curve:
    """Return a curve with its values times a factor."""
    lines = {level: tuple(value * factor for value in line) for level, line in curve.lines.items()}
    return Curve(curve.ages, lines, curve.about)
