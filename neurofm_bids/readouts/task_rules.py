"""What the keys of a task must fulfil, each by itself and together."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from neurofm_bids.readouts.survival import LONGEST, shared_values
from neurofm_bids.readouts.task import DOMAINS, Kind
from neurofm_bids.storage.text import nearest

__all__ = ["broken_rules", "broken_rules_of_times"]

Broken = tuple[str, str, str]  # the key, empty for the task; what is wrong; what to do

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_CHOICES = {"domain": DOMAINS, "kind": get_args(Kind)}
_ONLY_OF = {
    "positive": ("binary",),
    "classes": ("binary", "multiclass", "ordinal"),
    "units": ("regression",),
    "times": ("time-to-event",),
}
_NEEDED_BY = {"binary": "positive", "time-to-event": "times"}


def broken_rules(values: Mapping[str, Any]) -> Iterator[Broken]:
    """Yield the rules that the values of a task by field break.

    >>> list(broken_rules({"name": "a", "domain": "clinical", "kind": "binary"}))
    [('', 'the kind binary needs the key positive', 'Add the key.')]
    """
    if not _NAME.fullmatch(values["name"]):
        fix = "Use letters, digits and underscores, a letter first."
        yield "name", f"{values['name']!r} is not a name", fix
    for name, choices in _CHOICES.items():
        if values[name] not in choices:
            fix = f"{nearest(values[name], choices)}Use one of {', '.join(choices)}."
            yield name, f"unknown {name} {values[name]!r}", fix
    yield from _of_kind(values)
    for name in ("harmonise", "leave_site_out"):
        if values.get(name) and not values.get("site"):
            yield name, f"{name} needs the key site", "Add the key."
    yield from _of_classes(values)


def _of_kind(values: Mapping[str, Any]) -> Iterator[Broken]:
    kind = values["kind"]
    for name, kinds in _ONLY_OF.items():
        if name in values and kind not in kinds:
            yield name, f"{name} is not used by the kind {kind}", "Remove the key."
    needed = _NEEDED_BY.get(kind)
    if needed and needed not in values:
        yield "", f"the kind {kind} needs the key {needed}", "Add the key."


def _of_classes(values: Mapping[str, Any]) -> Iterator[Broken]:
    classes = values.get("classes")
    if classes is None:
        return
    if len({*classes}) < len(classes) or len(classes) < 2:
        yield "classes", "classes are not two or more different values", "List each value once."
    if "positive" in values and values["positive"] not in classes:
        yield "positive", "the positive class is not in classes", f"Use one of {', '.join(classes)}."


def broken_rules_of_times(values: Mapping[str, Any]) -> Iterator[Broken]:
    """Yield the rules that the values of the times of a task by field break.

    >>> list(broken_rules_of_times({"time": "years", "event": "1", "horizons": (5.0, 5.0)}))
    [('horizons', 'horizons are not different', 'List each once.')]
    """
    competing, censored = values.get("competing"), values.get("censored", ())
    for value in shared_values(values["event"], competing, censored):
        name = "censored" if value in censored else "competing"
        what = f"{value!r} stands for more than one of event, competing event and censoring"
        yield name, what, "Give each its own values."
    horizons = values.get("horizons")
    if horizons is None:
        return
    if not horizons or not all(math.isfinite(years) and 0 < years <= LONGEST for years in horizons):
        what = f"horizons are not one or more numbers of years above 0, up to {LONGEST:g}"
        yield "horizons", what, "Write [2, 5], for example."
    if len({f"{years:g}" for years in horizons}) < len(horizons):
        yield "horizons", "horizons are not different", "List each once."
