"""Geometry of the small charts of a report; ``templates/plots.html.j2`` draws it, in the colours of the page.

All coordinates are in the units of a view box: ``WIDTH`` x ``HEIGHT`` for charts, 0 to ``BAR`` for bars.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from neurofm_bids.report.contents import Curve

__all__ = ["BAR", "HEIGHT", "WIDTH", "Bar", "Chart", "Mark", "Point", "plot_bar", "plot_curve"]

WIDTH, HEIGHT, BAR = 320, 166, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 310, 10, 132


@dataclass(frozen=True)
class Point:
    """A value at a place of the horizontal axis, with its interval, if there is one."""

    x: float
    value: float
    interval: tuple[float, float] | None = None
    kind: str = "predicted"


@dataclass(frozen=True)
class Mark:
    """A drawn point, and the ends of its interval."""

    x: float
    y: float
    low: float
    high: float
    kind: str


@dataclass(frozen=True)
class Chart:
    """A chart: bands and lines as points of SVG, marks, and ticks as (place, text)."""

    bands: tuple[str, ...]
    lines: tuple[str, ...]
    marks: tuple[Mark, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    x_label: str
    y_label: str


@dataclass(frozen=True)
class Bar:
    """A bar from a lowest to a highest value: places of the value, its interval and another value."""

    value: float
    low: float | None
    high: float | None
    other: float | None = None
    ends: tuple[str, str] = ("", "")


def plot_bar(
    value: float,
    span: tuple[float, float],
    interval: tuple[float, float] | None = None,
    other: float | None = None,
    ends: tuple[str, str] = ("", ""),
) -> Bar:
    """Return where values lie on a bar over a span; what lies outside it is put at its end.

    >>> plot_bar(5.0, (0.0, 10.0), (4.0, 12.0))
    Bar(value=100.0, low=80.0, high=200.0, other=None, ends=('', ''))
    """

    def place(number: float) -> float:
        return round(BAR * min(max((number - span[0]) / (span[1] - span[0]), 0.0), 1.0), 1)

    low, high = (None, None) if interval is None else map(place, interval)
    return Bar(place(value), low, high, None if other is None else place(other), ends)


def plot_curve(
    points: Sequence[Point],
    labels: tuple[str, str],
    curve: Curve | None = None,
    names: Sequence[str] = (),
    *,
    joined: int = 0,
) -> Chart:
    """Return a chart of points, on the centiles of a reference if there is one.

    Parameters
    ----------
    points
        At least one.
    labels
        Of the two axes.
    curve
        In the unit of the points; its outermost centiles bound the lightest band.
    names
        Text below each place 0, 1, ... of the horizontal axis; numbers without it.
    joined
        Join so many of the points, the first ones, by a line.
    """
    rows = [] if curve is None else [curve.lines[level] for level in sorted(curve.lines)]
    ages = () if curve is None else curve.ages
    xs = [*ages, *(point.x for point in points)]
    ys = [y for row in rows for y in row]
    ys += [y for point in points for y in (point.value, *(point.interval or ()))]
    x_span, y_span = _span(xs, 0.5 if names else 1.0), _span(ys, 0.06 * (max(ys) - min(ys)) or 1.0)

    def across(x: float) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * (x - x_span[0]) / (x_span[1] - x_span[0]), 1)

    def up(y: float) -> float:
        return round(_BOTTOM - (_BOTTOM - _TOP) * (y - y_span[0]) / (y_span[1] - y_span[0]), 1)

    def path(places: Iterable[tuple[float, float]]) -> str:
        return " ".join(f"{across(x)},{up(y)}" for x, y in places)

    bands = tuple(
        path([*zip(ages, rows[i], strict=True), *reversed([*zip(ages, rows[-1 - i], strict=True)])])
        for i in range(len(rows) // 2)
    )
    lines = [path(zip(ages, rows[len(rows) // 2], strict=True))] if len(rows) % 2 else []
    if joined > 1:
        lines.append(path((point.x, point.value) for point in points[:joined]))
    marks = []
    for point in points:
        low, high = point.interval or (point.value, point.value)
        marks.append(Mark(across(point.x), up(point.value), up(low), up(high), point.kind))
    x_ticks = [(float(i), name) for i, name in enumerate(names)] or _ticks(x_span)
    return Chart(
        bands,
        tuple(lines),
        tuple(marks),
        tuple((across(x), text) for x, text in x_ticks),
        tuple((up(y), text) for y, text in _ticks(y_span)),
        *labels,
    )


def _span(values: Sequence[float], margin: float) -> tuple[float, float]:
    return min(values) - margin, max(values) + margin


def _ticks(span: tuple[float, float], most: int = 5) -> list[tuple[float, str]]:
    """Return round numbers within a span.

    >>> [text for _, text in _ticks((17.0, 95.0))]
    ['20', '40', '60', '80']
    """
    rough = (span[1] - span[0]) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 5, 10) if step * power >= rough)
    first = math.ceil(span[0] / step)
    digits = max(0, -math.floor(math.log10(step)))
    count = math.floor(span[1] / step) - first + 1
    return [((first + i) * step, f"{(first + i) * step:,.{digits}f}") for i in range(count)]
