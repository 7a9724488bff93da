"""What the report shows of the change of a participant over several scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.change.repeatability import sd_of_interval
from neurofm_bids.analysis.change.settings import MAIN_VOLUMES
from neurofm_bids.analysis.change.slopes import slopes
from neurofm_bids.analysis.change.times import person_times
from neurofm_bids.analysis.change.visits import RETEST_WEEKS, least_years, visits
from neurofm_bids.analysis.dates import decimal_years
from neurofm_bids.records.anatomy import Volume
from neurofm_bids.records.dictionary import region_title
from neurofm_bids.report.contents import Measured, ScanReport
from neurofm_bids.report.numbers import Scale, prediction_number, scale_of
from neurofm_bids.report.plots import Chart, Point, plot_curve
from neurofm_bids.report.predictions import points_of, scaled

__all__ = ["Change", "Course", "Sessions", "sessions_of"]

_Array = npt.NDArray[np.float64]

_QUANTILE = 1.96
_ML = Scale(1e-3, "ml", ",.2f")


@dataclass(frozen=True)
class Change:
    """Change of a measure per year, its 95% interval, and the reliable change index, as text."""

    what: str
    per_year: str
    interval: str
    index: str


@dataclass(frozen=True)
class Course:
    """A measure over age, time or sessions, and its change."""

    name: str
    chart: Chart
    alt: str
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Sessions:
    """The measures of a participant over several scans, what their times come from, and what is left out."""

    courses: tuple[Course, ...]
    times: str
    has_change: bool


@dataclass(frozen=True)
class _Axis:
    """Where scans stand: places of the horizontal axis, its label or the names of scans, years for change."""

    places: tuple[float, ...]
    label: str
    names: tuple[str, ...]
    years: _Array
    times: str


def sessions_of(scans: Sequence[ScanReport]) -> Sessions | None:
    """Return predictions and main volumes of several scans of a person; None for a single scan.

    They stand over age or time where the times of all scans are known and differ, else in their order and
    without change per year. Scans whose quality is judged as fail are drawn, and left out of the change.
    """
    if len(scans) < 2:
        return None
    axis = _axis(scans)
    order = np.argsort(axis.places, kind="stable").tolist()
    scans = [scans[place] for place in order]
    places = tuple(axis.places[place] for place in order)
    axis = _Axis(places, axis.label, axis.names, axis.years[order], axis.times)
    predicted = [
        name for name in scans[0].record.predictions if all(name in s.record.predictions for s in scans)
    ]
    shown = {scan.measured[name].region for scan in scans for name in predicted if name in scan.measured}
    regions = [name for name in MAIN_VOLUMES if name not in shown and all(_volume(name, s) for s in scans)]
    courses = [_prediction(name, scans, axis) for name in predicted]
    courses += [_region(name, scans, axis) for name in regions]
    failed = sum(_fails(scan) for scan in scans)
    left_out = f" Left out of the change per year, quality judged as fail: {failed} of {len(scans)} scans."
    times = axis.times + (left_out if failed and not axis.names else "")
    return Sessions(tuple(courses), times, any(course.changes for course in courses))


def _fails(scan: ScanReport) -> bool:
    return scan.record.quality.status == "fail"


def _axis(scans: Sequence[ScanReport]) -> _Axis:
    ages = np.array([np.nan if s.person.age_years is None else s.person.age_years for s in scans])
    bounds = np.array(["lower_bound" in scan.person.remarks for scan in scans])
    years, source = person_times(np.where(bounds, np.nan, ages), decimal_years(s.acquired for s in scans))
    if not np.isfinite(years).all() or np.ptp(years) == 0:
        names = tuple(_short(scan) for scan in scans)
        text = (
            "Times of the scans are not known, or equal: there is no change per year. Give ages or acq_time."
        )
        return _Axis(tuple(map(float, range(len(scans)))), "", names, np.full(len(scans), np.nan), text)
    text = {"date": "dates of acquisition", "age": "ages"}[source]
    whole = source == "age" and bool((ages % 1 == 0).all())
    times = f"Times come from the {text} in the tables of the dataset"
    times += ", which are whole years: the time between two scans is wrong by up to a year." if whole else "."
    if np.ptp(years) <= least_years(RETEST_WEEKS):
        times += f" All scans are within {RETEST_WEEKS:g} weeks: there is no change per year."
    start = ages[int(np.argmin(years))]
    if np.isfinite(start) and not bounds.any():
        return _Axis(tuple((start + years).tolist()), "age (years)", (), years, times)
    return _Axis(tuple(years.tolist()), "years since the first scan", (), years, times)


def _prediction(name: str, scans: Sequence[ScanReport], axis: _Axis) -> Course:
    first = scans[0].record.predictions[name]
    scale, points, measured = scale_of(first), [], []
    for scan, place in zip(scans, axis.places, strict=True):
        volume = scan.measured.get(name)
        predicted, *others = points_of(
            place, scan.record.predictions[name], None if volume is None else volume.mm3
        )
        points.append(predicted)
        measured += others
    curve = scans[-1].curves.get(name) if axis.label.startswith("age") else None
    title = prediction_number(name, first, scans[0].person).name
    labels = (axis.label, scale.unit or "probability")
    chart = plot_curve(
        [*points, *measured], labels, curve and scaled(curve, scale.factor), axis.names, joined=len(points)
    )
    own = [scan.record.predictions[name] for scan in scans]
    changes = []
    if first.of_class is None:
        errors = [np.nan if one.sd is None else one.sd for one in own]
        changes += _change("Predicted", [one.value for one in own], errors, scale, scans, axis)
    volumes = [scan.measured.get(name) for scan in scans]
    known = [volume for volume in volumes if volume is not None]
    if len(known) == len(scans):
        changes += _change(
            "Measured", [one.mm3 for one in known], [_sd(one) for one in known], scale, scans, axis
        )
    values = ", ".join(scale.text(one.value) for one in own)
    return Course(title, chart, f"{title} of {len(scans)} scans: {values}", tuple(changes))


def _region(name: str, scans: Sequence[ScanReport], axis: _Axis) -> Course:
    volumes = [volume for scan in scans if (volume := _volume(name, scan))]
    points = [
        Point(place, one.mm3 * _ML.factor, _limits(one), "measured")
        for place, one in zip(axis.places, volumes, strict=True)
    ]
    chart = plot_curve(points, (axis.label, _ML.unit), names=axis.names, joined=len(points))
    title = f"{region_title(name)}, measured"
    values = ", ".join(_ML.text(one.mm3) for one in volumes)
    changes = _change(
        "Measured", [one.mm3 for one in volumes], [_sd(one) for one in volumes], _ML, scans, axis
    )
    return Course(title, chart, f"{title} of {len(scans)} scans: {values}", tuple(changes))


def _volume(name: str, scan: ScanReport) -> Volume | None:
    return None if scan.record.anatomy is None else scan.record.anatomy.volumes.get(name)


def _limits(volume: Volume) -> tuple[float, float] | None:
    if volume.interval95 is None:
        return None
    low, high = volume.interval95
    return low * _ML.factor, high * _ML.factor


def _sd(volume: Volume | Measured) -> float:
    if volume.interval95 is None:
        return np.nan
    low, high = (np.array([limit]) for limit in volume.interval95)
    return float(sd_of_interval(low, high)[0])


def _change(
    what: str,
    values: Sequence[float],
    errors: Sequence[float],
    scale: Scale,
    scans: Sequence[ScanReport],
    axis: _Axis,
) -> list[Change]:
    """Return the change of a measure, if it has any: two visits with scans that are not failed."""
    used = np.array([not _fails(scan) for scan in scans])
    people, numbers = np.zeros(int(used.sum()), dtype=np.intp), np.array(values)[used] * scale.factor
    spread = np.array(errors)[used] * scale.factor
    line = slopes(visits(people, axis.years[used], numbers, spread, least_years(RETEST_WEEKS)))
    if not line.people.size:
        return []
    slope, error = float(line.per_year[0]), float(line.standard_error[0])
    per_year = f"{slope:+.3g} {scale.unit} per year".replace("  ", " ")
    if not np.isfinite(error) or error == 0:
        return [Change(what, per_year, "", "")]
    low, high = slope - _QUANTILE * error, slope + _QUANTILE * error
    return [Change(what, per_year, f"{low:+.3g} to {high:+.3g}", f"{slope / error:+.1f}")]


def _short(scan: ScanReport) -> str:
    """Return what tells a scan from the others of its participant."""
    stem = scan.record.scan.stem.removeprefix(f"sub-{scan.record.scan.subject}").strip("_")
    return stem.removeprefix("ses-")[:14] or "scan"
