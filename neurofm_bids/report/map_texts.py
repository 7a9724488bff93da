"""What the report says of the maps of attribution of a scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neurofm_bids.anatomy.labels import label_names, volume_names
from neurofm_bids.records.attribution import Attribution
from neurofm_bids.records.dictionary import region_title
from neurofm_bids.report.attribution import CLEAR, FULL, target_title

__all__ = ["MapText", "maps_caption", "texts_of"]

_LARGEST = 6  # regions of a map that are named
_LARGE_ERROR = 0.10  # of the difference between the outputs for scan and baseline
_WARNING = (
    f"Warning: the completeness error is above {_LARGE_ERROR:.0%}, so the parts of this map do not add up to "
    "the difference that they should explain. The relative error is large where the outputs for scan and "
    "baseline are nearly equal, whose difference is then small parts of both signs that cancel. Compare the "
    "error with what matters in units of the target: where it is small, places and signs of the map can be "
    "looked at, but not shares of the difference; where it is not, do not use this map"
)
_UNITS = {"1": (1.0, ""), "mm^3": (1e-3, "ml"), "year": (1.0, "years")}


@dataclass(frozen=True)
class MapText:
    """One map: its target, the regions with the largest shares, and a warning or nothing."""

    title: str
    shares: str
    warning: str = ""


def maps_caption(attributions: Mapping[str, Attribution]) -> str:
    """Return the caption of the figure of the maps, one row for each."""
    rows = ", ".join(target_title(name, one) for name, one in attributions.items())
    return (
        f"Rows from the top: {rows}. What each place of the brain contributes to the predictions: orange "
        "raises, blue lowers them, relative to the same brain without its structures (smoothed within its "
        "outline). The map shows what the network reads, not a cause or a disease, and tells more about the "
        f"network than about the target (docs/attribution.md). Colours are full at the {FULL:g}th percentile "
        "of the absolute values, the limit of the bar: larger values "
        f"have the same colour. Values below {CLEAR:.0%} of the limit are not coloured."
    )


def texts_of(attributions: Mapping[str, Attribution]) -> tuple[MapText, ...]:
    """Return what stands below the figure, for each map."""
    return tuple(_text(name, one) for name, one in attributions.items())


def _text(name: str, one: Attribution) -> MapText:
    largest = sorted(one.regions.items(), key=lambda item: -item[1].share)[:_LARGEST]
    regions = ", ".join(f"{_region(region)} {100 * part.share:.0f}%" for region, part in largest)
    shares = f"{regions or 'not segmented'}; {_completeness(one)}"
    difference = abs(one.output - one.baseline_output)
    is_large = one.absolute_completeness_error > _LARGE_ERROR * difference
    return MapText(target_title(name, one), shares, _WARNING if is_large else "")


def _completeness(one: Attribution) -> str:
    """Return the completeness error as text, and relative to the difference from the baseline."""
    factor, unit = _UNITS.get(one.units, (1.0, one.units))
    error, difference = (
        f"{value * factor:.2g} {unit}".rstrip()
        for value in (one.absolute_completeness_error, abs(one.output - one.baseline_output))
    )
    relative = "" if one.completeness_error is None else f"{one.completeness_error:.1%}, "
    return f"completeness error {relative}{error} of {difference}"


def _region(label: str) -> str:
    """Return a label as the report names its volume.

    >>> _region("Right-Cerebral-Cortex"), _region("Unknown")
    ('Cerebral cortex (right)', 'outside all regions')
    """
    if label == label_names()[0]:
        return "outside all regions"
    structure, side = volume_names().get(label, (label, ""))
    return f"{region_title(structure)} ({side})" if side else region_title(structure)
