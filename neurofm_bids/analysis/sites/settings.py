"""The settings of the harmonisation of sites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["KINDS", "SitesSettings"]

KINDS = ("features", "measures")
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
    empirical_bayes
        What is harmonised with empirical Bayes: ``features`` or ``measures``, or both.
    model
        File of an earlier harmonisation, which is applied and keeps the effects of its own columns; sites
        that it lacks get their own shift and scale.
    save
        File to write the harmonisation to.
    """

    harmonise: bool = False
    preserve: tuple[str, ...] = ("age", "sex")
    smooth: tuple[str, ...] = ()
    least_scans: int = 20
    empirical_bayes: tuple[str, ...] = ("measures",)
    model: str | None = None
    save: str | None = None

    @classmethod
    def broken_rules(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
        """Yield the rules that the values of a table break: key, what is wrong, what to do."""
        if values.get("least_scans", cls.least_scans) < _LEAST:
            yield "least_scans", f"fewer than {_LEAST} scans", f"Use {_LEAST} or more."
        others = {*values.get("smooth", ())} - {*values.get("preserve", cls.preserve)}
        if others:
            yield "smooth", f"not among preserve: {', '.join(sorted(others))}", "Add them to preserve."
        if unknown := {*values.get("empirical_bayes", ())} - {*KINDS}:
            yield "empirical_bayes", f"unknown: {', '.join(sorted(unknown))}", f"Use {' or '.join(KINDS)}."
        for name in ("model", "save"):
            if name in values and not values.get("harmonise", cls.harmonise):
                yield name, f"{name} is for harmonised cohorts", "Add harmonise = true."
