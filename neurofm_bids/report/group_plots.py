"""Which plots the group report has: what their axes show, and which can be chosen."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from neurofm_bids.records.columns import AGE, AGE_GAP, KNOWN_AGE, MASK_VOLUME

__all__ = ["Plot", "plots_of"]

_QUALITY_FIRST = ("outlier_distance", "noise", "snr_brain", "cnr", "cjv")
_EMBEDDINGS = (
    ("component_1", "component_2", "Principal components of the features."),
    ("pc_1", "pc_2", "Axes on which clusters were looked for."),
    ("umap_1", "umap_2", "UMAP: near scans are alike; distances between groups have no meaning."),
)
_SITES = ("harmonised:site", "site", "scanner", "Manufacturer", "MagneticFieldStrength")
_GROUPS = ("Predictions", "Quality", "Readouts", "Change")


@dataclass(frozen=True)
class Plot:
    """A plot of scans as points.

    Parameters
    ----------
    x, y
        Columns of its axes; without y it is a strip.
    caption
        What it shows.
    choose
        Whether its axes can be chosen.
    line
        ``identity`` or ``zero``.
    join
        Whether the scans of a participant are joined.
    """

    x: str
    y: str = ""
    caption: str = ""
    choose: bool = False
    line: str = ""
    join: bool = False

    @property
    def spec(self) -> str:
        """What the script reads, as JSON."""
        return json.dumps({key: value for key, value in asdict(self).items() if value and key != "caption"})


def plots_of(
    names: Collection[str], groups: Mapping[str, Sequence[str]], *, has_sessions: bool
) -> dict[str, list[Plot]]:
    """Return the plots by section.

    Parameters
    ----------
    names
        Of the columns that the page has.
    groups
        Columns of numbers by their heading.
    has_sessions
        Whether a participant has several scans.
    """
    strips = {group: [Plot(name) for name in groups.get(group, ())] for group in _GROUPS}
    strips["Predictions"] = [Plot(name) for name in groups.get("Predictions", ()) if _is_shown(name)]
    return {
        "predictions": strips["Predictions"],
        "age": list(_ages(names)),
        "quality": list(_quality(names, groups.get("Quality", ()))),
        "metrics": strips["Quality"],
        "embedding": [Plot(x, y, caption) for x, y, caption in _EMBEDDINGS if {x, y} <= set(names)],
        "sites": list(_sites(names, groups)),
        "volumes": list(_volumes(names, groups.get("Volumes", ()))),
        "readouts": strips["Readouts"],
        "change": [*_courses(names, groups), *strips["Change"]] if has_sessions else [],
    }


def _is_shown(name: str) -> bool:
    return name.startswith("predicted_") or name == MASK_VOLUME


def _ages(names: Collection[str]) -> Iterator[Plot]:
    if {KNOWN_AGE, AGE} <= set(names):
        yield Plot(KNOWN_AGE, AGE, "The dashed line is where both are equal.", line="identity")
    for gap in (AGE_GAP, "age_gap_corrected_years"):
        if {KNOWN_AGE, gap} <= set(names):
            yield Plot(KNOWN_AGE, gap, "The dashed line is no gap.", line="zero")


def _quality(names: Collection[str], metrics: Sequence[str]) -> Iterator[Plot]:
    known = [name for name in dict.fromkeys((*_QUALITY_FIRST, *metrics)) if name in names]
    if len(known) > 1:
        yield Plot(known[0], known[1], "Choose any two columns.", choose=True)


def _volumes(names: Collection[str], volumes: Sequence[str]) -> Iterator[Plot]:
    first = next((name for name in ("lateral_ventricles_mm3", *volumes) if name in volumes), None)
    if first is not None:
        if KNOWN_AGE in names:
            yield Plot(KNOWN_AGE, first, "Choose any volume.", choose=True)
        yield Plot(first, caption="Choose any volume.", choose=True)


def _sites(names: Collection[str], groups: Mapping[str, Sequence[str]]) -> Iterator[Plot]:
    """Yield a measure by site, as it is and harmonised."""
    site = next((name for name in _SITES if name in names), None)
    measure = next(iter(groups.get("Predictions", ())), None)
    if site and measure:
        yield Plot(site, measure, "Choose any measure.", choose=True)
        if f"harmonised:{measure}" in names:
            yield Plot(site, f"harmonised:{measure}", "Harmonised. Choose any measure.", choose=True)


def _courses(names: Collection[str], groups: Mapping[str, Sequence[str]]) -> Iterator[Plot]:
    across = next((name for name in (KNOWN_AGE, "session_id") if name in names), None)
    measure = next(iter(groups.get("Predictions", ())), None)
    if across and measure:
        caption = "Lines join the scans of a participant. Choose any measure."
        yield Plot(across, measure, caption, choose=True, join=True)
