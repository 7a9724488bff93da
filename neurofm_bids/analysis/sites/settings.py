"""The settings of the harmonisation of sites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["SitesSettings"]

_LEAST = 2  # scans, from which a spread can be estimated


@dataclass(frozen=True)
class SitesSettings:
    """Whether and how sites are harmonised; without it, their effects are only shown.

    Parameters
    ----------
    harmonise
        Whether features and measures are harmonised.
    preserve
        Columns whose effects are kept: numbers or texts.
    smooth
        Columns of numbers among these whose effects may be curved: a natural cubic spline of four knots.
    least_scans
        Scans that a site must have.
    model
        File of an earlier harmonisation, which is applied; sites that it lacks get their own shift and scale.
    save
        File to write the harmonisation to.
    """

    harmonise: bool = False
    preserve: tuple[str, ...] = ("age", "sex")
    smooth: tuple[str, ...] = ()
    least_scans: int = 20
    model: Path | None = None
    save: Path | None = None

    @classmethod
    def broken_rules(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield the key and the sentence of each rule that the values of a table break."""
        if values.get("least_scans", cls.least_scans) < _LEAST:
            yield "least_scans", f"least_scans is less than {_LEAST}"
        others = {*values.get("smooth", ())} - {*values.get("preserve", cls.preserve)}
        if others:
            yield "smooth", f"smooth names columns that preserve does not: {', '.join(sorted(others))}"
        if "model" in values and not values.get("harmonise", False):
            yield "model", "model needs harmonise = true"
        if "save" in values and not values.get("harmonise", False):
            yield "save", "save needs harmonise = true"
