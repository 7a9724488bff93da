"""Numbers of a scan as people read them: value, unit, interval, remark."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from neurofm_bids.bids.demographics import Person
from neurofm_bids.records.anatomy import Anatomy, Volume
from neurofm_bids.records.centile import Centile
from neurofm_bids.records.columns import AGE_REMARKS
from neurofm_bids.records.dictionary import column, metric, region_title
from neurofm_bids.records.prediction import Prediction
from neurofm_bids.records.rules import rules_of
from neurofm_bids.report.centiles import CentileNotes, centile_bar, centile_text, is_muted
from neurofm_bids.report.plots import Bar
from neurofm_bids.storage.tables import cell

__all__ = [
    "ANATOMICAL_ORDER",
    "Line",
    "Number",
    "Scale",
    "age_text",
    "lines_of",
    "metric_number",
    "prediction_number",
    "scale_of",
    "sex_text",
]


ANATOMICAL_ORDER = (  # of the structures in a table of volumes; others follow
    "intracranial",
    "brain",
    "csf",
    "cerebral_cortex",
    "frontal_cortex",
    "parietal_cortex",
    "temporal_cortex",
    "occipital_cortex",
    "cingulate_cortex",
    "insula",
    "cerebral_white_matter",
    "white_matter",
    "corpus_callosum",
    "deep_grey_matter",
    "thalamus",
    "caudate",
    "putamen",
    "pallidum",
    "hippocampus",
    "amygdala",
    "accumbens",
    "ventral_diencephalon",
    "cerebellum",
    "cerebellar_cortex",
    "cerebellar_white_matter",
    "brainstem",
    "ventricles",
    "lateral_ventricles",
    "lateral_ventricle",
    "inferior_lateral_ventricle",
    "third_ventricle",
    "fourth_ventricle",
)


@dataclass(frozen=True)
class Number:
    """A quantity: name, value, interval or unit, remark, explanation, values that raise a flag."""

    name: str
    value: str
    interval: str
    remark: str
    about: str
    limits: str = ""


@dataclass(frozen=True)
class Scale:
    """Factor, unit and format in which people read a quantity."""

    factor: float
    unit: str
    form: str

    def text(self, value: float) -> str:
        """Return a value with its unit."""
        return f"{value * self.factor:{self.form}} {self.unit}".strip()

    def interval(self, limits: tuple[float, float] | None) -> str:
        """Return an interval with its unit; empty for none."""
        if limits is None:
            return ""
        low, high = (format(limit * self.factor, self.form) for limit in limits)
        return f"{low} to {high} {self.unit}".strip()


@dataclass(frozen=True)
class Line:
    """A line of the profile: one side of a region, or a region without sides.

    ``count`` is the number of lines of the structure where it begins, and 0 on its others; ``key`` is the
    name of the volume in the record.
    """

    name: str
    side: str
    volume: str
    limits: str
    asymmetry: str
    confidence: str
    count: int
    key: str
    centile: str = ""
    marks: str = ""
    is_muted: bool = False
    bar: Bar | None = None


def scale_of(prediction: Prediction) -> Scale:
    """Return how a prediction is shown: volumes in ml, ages in years."""
    if prediction.of_class is not None:
        return Scale(1.0, "", ".2f")
    shown = {"mm^3": Scale(1e-3, "ml", ",.1f"), "year": Scale(1.0, "years", ".1f")}
    return shown.get(prediction.units, Scale(1.0, prediction.units, ".3g"))


def prediction_number(name: str, prediction: Prediction, person: Person) -> Number:
    """Return a prediction as text; that of age is compared with the recorded age."""
    scale = scale_of(prediction)
    remarks = [] if prediction.in_range else ["outside the range for which the model was trained"]
    if name == "age" and person.age_years is not None:
        gap = prediction.value - person.age_years
        least, most = ("at least ", "at most ") if "lower_bound" in person.remarks else ("", "")
        remarks.append(f"recorded age {least}{_years(person.age_years)}, gap {most}{gap:+.1f} years")
        remarks += [column(AGE_REMARKS)["Levels"][name] for name in person.remarks]
    of = prediction.of_class
    title = prediction.long_name if of is None else f"Predicted probability of {of}"
    interval = scale.interval(prediction.interval95)
    return Number(title, scale.text(prediction.value), interval, "; ".join(remarks), prediction.description)


def metric_number(name: str, value: float | None, reason: str = "") -> Number:
    """Return an image quality metric as text; ``reason`` says why it was not measured."""
    entry = metric(name)
    units = entry.get("Units", "")
    text = "n/a" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")
    unit = "" if units == "1" else units
    return Number(entry["LongName"], text, unit, reason, entry["Description"], _flagged(name))


def _flagged(name: str) -> str:
    """Return which values of a metric raise a flag, and what that makes of a scan; empty for none.

    >>> _flagged("noise"), _flagged("mask_volume_mm3"), _flagged("entropy_focus")
    ('fail > 0.15, check > 0.1', 'check < 1,000 ml, check > 2,000 ml', '')
    """
    value, unit = ("mask_volume_ml", " ml") if name == "mask_volume_mm3" else (name, "")
    limits = [
        f"{'fail' if rule.severity == 'serious' else 'check'} {sign} {limit:,g}{unit}"
        for rule in rules_of(value)
        for sign, limit in (("<", rule.lowest), (">", rule.highest))
        if math.isfinite(limit)
    ]
    return ", ".join(limits)


def lines_of(anatomy: Anatomy, centiles: Mapping[str, Centile], notes: CentileNotes) -> list[Line]:
    """Return the volumes of a scan as lines of its profile, in ml, in the order of anatomy.

    Parameters
    ----------
    centiles, notes
        By name of the region, where there are any; what limits them.
    """
    structures = anatomy.structures
    places = {name: place for place, name in enumerate(ANATOMICAL_ORDER)}
    names = sorted(structures, key=lambda name: places.get(name, len(places)))
    lines = [line for name in names for line in _lines(name, anatomy)]
    return [_placed(line, centiles[line.key], notes) if line.key in centiles else line for line in lines]


def _placed(line: Line, centile: Centile, notes: CentileNotes) -> Line:
    text = centile_text(centile)
    marks = notes.marks_of(centile) if text else ""
    return replace(line, centile=text, marks=marks, is_muted=is_muted(centile), bar=centile_bar(centile))


def _lines(name: str, anatomy: Anatomy) -> list[Line]:
    sides, asymmetry = anatomy.structures[name], anatomy.asymmetry.get(name)
    confidence = f"{min(volume.confidence for volume in sides.values()):.2f}"
    return [
        Line(
            region_title(name),
            side or ("both" if len(sides) > 1 else ""),
            _ml(volume.mm3),
            _limits(volume),
            "" if asymmetry is None else f"{100 * asymmetry:+.1f}%",
            confidence,
            0 if place else len(sides),
            f"{side}_{name}" if side else name,
        )
        for place, (side, volume) in enumerate(sides.items())
    ]


def _limits(volume: Volume) -> str:
    if volume.interval95 is None:
        return ""
    low, high = map(_ml, volume.interval95)
    return f"{low} to {high}"


def _ml(mm3: float) -> str:
    """Return a volume in ml with about three digits.

    >>> _ml(3216.0), _ml(54321.0), _ml(1234567.0)
    ('3.22', '54.3', '1,235')
    """
    ml = mm3 / 1000
    return f"{ml:,.{2 if ml < 10 else 1 if ml < 100 else 0}f}"


def age_text(person: Person) -> str:
    """Return the recorded age as people read it."""
    bound = "at least " if "lower_bound" in person.remarks else ""
    if person.age_years is not None:
        return f"{bound}{_years(person.age_years)} years"
    return _unread(person.age_text, is_unclear="age" in person.unclear)


def sex_text(person: Person) -> str:
    """Return the recorded sex as people read it."""
    return person.sex or _unread(person.sex_text, is_unclear="sex" in person.unclear, clear="other")


def _unread(text: str | None, *, is_unclear: bool, clear: str = "unknown") -> str:
    """Return what a report shows of an age or a sex that is not known: what the dataset has instead.

    What is understood and no age, or neither F nor M, is called ``clear``.
    """
    if not text:
        return "unknown"
    return f"not understood: {cell(text)[:50]}" if is_unclear else f"{clear} ({cell(text)[:50]})"


def _years(age: float) -> str:
    """Return an age as people read it, that of a small child with two decimals."""
    return f"{round(age, 1 if age >= 3 else 2):g}"
